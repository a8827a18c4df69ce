using System.Globalization;
using System.Text.RegularExpressions;

namespace Workflows.Architecture.Tests;

/// <summary>A log event id means one thing in the whole product, for ever.</summary>
public sealed partial class LogEventTests
{
    [Fact]
    public void EventIds_InTheWholeSource_AreUnique()
    {
        var ids = Repository.SourceFiles
            .SelectMany(path => Attribute().Matches(File.ReadAllText(path))
                .Select(match => (Id: int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), Path: path)))
            .ToList();

        Assert.NotEmpty(ids);
        Assert.Empty(ids.GroupBy(each => each.Id).Where(group => group.Count() > 1)
            .Select(group =>
                $"{group.Key}: {string.Join(", ", group.Select(each => Repository.Relative(each.Path)))}"));
    }

    [GeneratedRegex(@"\[LoggerMessage\(\s*(?:EventId\s*=\s*)?(\d+)", RegexOptions.CultureInvariant)]
    private static partial Regex Attribute();
}
