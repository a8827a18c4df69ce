using System.Net;
using System.Text.RegularExpressions;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Dashboard;

/// <summary>The files of the dashboard: whole, hardened, and of this service alone.</summary>
public sealed partial class DashboardTests(RunningService service) : IClassFixture<RunningService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Files_ThatThePageNames_AreAllThereAndOfThisServiceAlone()
    {
        var todo = new Queue<string>(["/"]);
        var seen = new HashSet<string>(["/"]);
        while (todo.TryDequeue(out var path))
        {
            var text = await ReadAsync(path);
            Assert.DoesNotMatch("(src|href)=\"https?:", text);
            Assert.DoesNotMatch("innerHTML|insertAdjacentHTML|document\\.write|eval\\(", text);
            foreach (Match match in Named().Matches(text))
            {
                var named = match.Value.StartsWith("./", StringComparison.Ordinal)
                    ? $"/dashboard/{match.Value[2..]}" : match.Value;
                if (seen.Add(named))
                {
                    todo.Enqueue(named);
                }
            }
        }

        Assert.Equal(16, seen.Count);
    }

    [Fact]
    public async Task Page_HasHeadersThatLetNothingElseIn()
    {
        using var answer = await service.Http.GetAsync("/", Cancellation);

        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'; script-src 'self';", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        using var again = new HttpRequestMessage(HttpMethod.Get, "/");
        again.Headers.IfNoneMatch.Add(answer.Headers.ETag!);
        using var unchanged = await service.Http.SendAsync(again, Cancellation);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }

    [Fact]
    public async Task Texts_OfBothLanguages_HaveTheSameKeysAndEveryOneThatIsUsed()
    {
        var text = await ReadAsync("/dashboard/text.js");
        var parts = text.Split("\n  ko: {")[..2];
        var (english, korean) = (KeysOf(parts[0]), KeysOf(parts[1].Split("\n};")[0]));

        Assert.Equal(english, korean);
        Assert.True(english.Count > 150);
        string[] files =
        [
            "main.js", "runs.js", "run.js", "actions.js", "start.js", "zones.js", "chart.js",
            "events.js",
        ];
        foreach (var file in files)
        {
            var used = Used().Matches(await ReadAsync($"/dashboard/{file}")).Select(match => match.Groups[1].Value);
            Assert.All(used, key => Assert.Contains(key, english));
        }
    }

    /// <summary>The words that a stage shows are the orchestrators'.</summary>
    [Fact]
    public async Task Details_OfStagesWithoutFigures_AreKoreanOnKoreanPages()
    {
        var text = await ReadAsync("/dashboard/text.js");
        var details = Directory.EnumerateFiles(Checkout.PathOf("src", "Orchestrations"), "*Orchestration.cs")
            .SelectMany(file => Detail().Matches(File.ReadAllText(file))).Select(match => match.Groups[1].Value)
            .Distinct(StringComparer.Ordinal).ToList();

        Assert.True(details.Count > 10, string.Join(", ", details));
        Assert.All(details, detail => Assert.Matches($"'{Regex.Escape(detail)}': '[^a-z]*[가-힣]", text));
    }

    /// <summary>A kind of event, or a word of a set, that the page does not know would be shown as a code.</summary>
    [Fact]
    public async Task Events_OfEveryKindAndSet_HaveWords()
    {
        var english = KeysOf((await ReadAsync("/dashboard/text.js")).Split("\n  ko: {")[0]);
        var kinds = typeof(LedgerKinds).GetFields().Select(field => $"kind.{field.GetRawConstantValue()}").ToList();

        Assert.True(kinds.Count > 40);
        Assert.Equal([], kinds.Except(english));
        Assert.Equal([], WireName.All<SwitchReason>().Select(word => $"switch.{word}").Except(english));
        Assert.Equal([], WireName.All<MoveReason>().Select(word => $"move.{word}").Except(english));
        Assert.Equal([], WireName.All<ApprovalOutcome>().Select(word => $"decision.{word}").Except(english));
        Assert.Equal([], WireName.All<RunStatus>().Select(word => $"status.{word}").Except(english));
    }

    [Theory]
    [InlineData("/dashboard/")]
    [InlineData("/dashboard/../appsettings.json")]
    [InlineData("/dashboard/%2e%2e/service.key")]
    [InlineData("/dashboard/missing.js")]
    public async Task File_ThatIsNotOfThePage_Is404(string path)
    {
        using var answer = await service.Http.GetAsync(path, Cancellation);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    private async Task<string> ReadAsync(string path)
    {
        using var answer = await service.Http.GetAsync(path, Cancellation);
        Assert.True(answer.IsSuccessStatusCode, path);
        return await answer.Content.ReadAsStringAsync(Cancellation);
    }

    private static SortedSet<string> KeysOf(string text) => new(
        Key().Matches(text).Select(match => match.Groups[1].Value), StringComparer.Ordinal);

    [GeneratedRegex(@"(?<="")/dashboard/[\w.]+(?="")|(?<=from ')\./[\w.]+(?=')")]
    private static partial Regex Named();

    [GeneratedRegex(@"(?:(?<=[{,\n] *)|')([a-zA-Z]+(?:\.[a-z-]+)?)'?: '")]
    private static partial Regex Key();

    [GeneratedRegex(@"(?:\bt\('|data-text="")([\w.]+)['""]")]
    private static partial Regex Used();

    [GeneratedRegex(@"RunStageName\.\w+,\s*""([^""]+)""")]
    private static partial Regex Detail();
}
