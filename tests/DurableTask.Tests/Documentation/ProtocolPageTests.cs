using System.Reflection;
using System.Text.RegularExpressions;
using Workflows.TestKit;

namespace Workflows.DurableTask.Tests.Documentation;

/// <summary>The page of the protocol names the test of every line; none of them may be missing.</summary>
public sealed partial class ProtocolPageTests
{
    private const int FewestRows = 80;

    [Fact]
    public void Page_EveryLine_NamesTestsThatExist()
    {
        HashSet<string> tests = [.. typeof(ProtocolPageTests).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods()
                .Where(method => method.GetCustomAttribute<FactAttribute>() is not null)
                .Select(method => $"{type.Name}.{method.Name}"))];
        string[][] rows =
        [
            .. File.ReadLines(Checkout.PathOf("docs", "protocol.md"))
                .Where(line => line.StartsWith("| ", StringComparison.Ordinal))
                .Select(line => line.Trim('|', ' ').Split(" | "))
                .Where(cells => cells[^1] != "held by" && !cells[^1].StartsWith("---", StringComparison.Ordinal)),
        ];
        string[] missing =
        [
            .. rows.SelectMany(cells => Named(cells[^1]).DefaultIfEmpty($"no test: {cells[0]}"))
                .Where(name => !tests.Contains(name)),
        ];

        Assert.InRange(rows.Length, FewestRows, int.MaxValue);
        Assert.Empty(missing);
    }

    private static IEnumerable<string> Named(string cell) =>
        TestName().Matches(cell).Select(match => match.Groups[1].Value);

    [GeneratedRegex("`([A-Za-z]+\\.[A-Za-z0-9_]+)`")]
    private static partial Regex TestName();
}
