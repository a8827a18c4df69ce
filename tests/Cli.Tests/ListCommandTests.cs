using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Workflows.Activities.Reporting;
using Workflows.Activities.Sweeping;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Cli.Tests;

/// <summary>workflows list beyond a page, and workflows resources, against a service of the test.</summary>
public sealed class ListCommandTests : IAsyncLifetime
{
    private const string Token = "x-ms-continuation-token";

    private readonly ConcurrentQueue<string> _asked = new();
    private WebApplication? _service;
    private int _count = 1200;
    private int _away;
    private string? _stuck;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Address => _service!.Urls.Single();

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        _service = builder.Build();
        _service.Urls.Add("http://127.0.0.1:0");
        _service.MapGet("/runs", PageAsync);
        _service.MapGet("/runs/{id}/resources", (string id) => Results.Json(ResourcesOf(id), RunLedger.Json));
        await _service.StartAsync(Cancellation);
    }

    public async ValueTask DisposeAsync() => await _service!.DisposeAsync();

    [Theory]
    [InlineData(null, 100, true, "?status=failed")]
    [InlineData(7, 7, true, "?status=failed&limit=7")]
    [InlineData(500, 500, true, "?status=failed&limit=500")]
    [InlineData(501, 501, true, "?status=failed&limit=500|?status=failed&limit=500 after 500")]
    [InlineData(1000, 1000, true, "?status=failed&limit=500|?status=failed&limit=500 after 500")]
    [InlineData(
        int.MaxValue, 1200, false,
        "?status=failed&limit=500|?status=failed&limit=500 after 500|?status=failed&limit=500 after 1000")]
    public async Task List_BeyondAPage_FollowsTheContinuation(
        int? limit, int expected, bool hasMore, string asked)
    {
        var (ids, more) = await ListAsync(limit);

        Assert.Equal(Enumerable.Range(0, expected).Select(number => $"run-{number}"), ids);
        Assert.Equal(hasMore, more);
        Assert.Equal(asked.Split('|'), _asked);
    }

    /// <summary>A service that restarts between two pages loses none, and repeats none.</summary>
    [Fact]
    public async Task List_WhoseServiceIsAwayBetweenPages_GoesOn()
    {
        _away = 2;

        var (ids, _) = await ListAsync(int.MaxValue);

        Assert.Equal(_count, ids.Distinct().Count());
        Assert.Equal(_count, ids.Count);
        Assert.Equal(5, _asked.Count);
    }

    [Fact]
    public async Task List_WhoseContinuationStandsStill_Ends()
    {
        _stuck = "500";

        var (ids, _) = await ListAsync(int.MaxValue);

        Assert.Equal(1000, ids.Count);
    }

    [Fact]
    public async Task Command_WithAll_PrintsOneArrayOfAllPages()
    {
        var (code, output, error) = await RunAsync("list", "--all", "--json");

        Assert.True(code == 0, error);
        Assert.Equal(_count, JsonNode.Parse(output)!.AsArray().Count);
        (code, output, _) = await RunAsync("ls", "--limit", "501");
        Assert.Equal(0, code);
        Assert.Equal(502, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("Older runs are not shown: workflows list --all", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--limit", "0", "--limit: 0 is no number of runs")]
    [InlineData("--limit", "-3", "--limit: -3 is no number of runs")]
    [InlineData("--limit=9", "--all", "--all and --limit exclude each other")]
    [InlineData("--limit", "99999999999", "99999999999")]
    public async Task Command_WithALimitThatIsNone_NamesIt(string first, string second, string expected)
    {
        var (code, output, error) = await RunAsync("list", first, second);

        Assert.Equal(2, code);
        Assert.Contains(expected, output + error, StringComparison.Ordinal);
        Assert.Empty(_asked);
    }

    [Fact]
    public async Task Resources_OfARun_AreThoseThatItHasOrHad()
    {
        var (code, output, error) = await RunAsync("resources", "run-3");

        Assert.True(code == 0, error);
        Assert.Equal(
            [
                "ready    projects/p/locations/us-west4-a/nodes/wf-run-3-2  v5litepod-8 in us-west4-a, spot, asked "
                    + "2026-11-29 20:00:00Z, 0.5000 USD",
                "gone     projects/p/locations/us-west4-a/nodes/wf-run-3-1  v5litepod-8 in us-west4-a, spot, asked "
                    + "2026-11-29 19:00:00Z, 0.2500 USD",
                "         OUT_OF_CAPACITY: no more \\u001b[31mcapacity",
                "         NOT_FOUND at 2026-11-29 19:30:00Z",
                "1 may be in the cloud, for 1.20 USD an hour.",
            ],
            output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimEnd('\r')));

        (_, output, _) = await RunAsync("resources", "run-3", "--json");
        Assert.Equal(2, JsonNode.Parse(output)!.AsArray().Count);
    }

    /// <summary>Without a run: what runs under way have now, of all pages.</summary>
    [Fact]
    public async Task Resources_OfNoRun_AreThoseAliveOfAllRuns()
    {
        _count = 3;
        var (code, output, error) = await RunAsync("resources", "--json");

        Assert.True(code == 0, error);
        Assert.Equal(
            ["run-0", "run-1", "run-2"],
            JsonNode.Parse(output)!.AsArray().Select(each => (string)each!["run"]!));
        Assert.Equal(["?status=pending,running,suspended,terminated&limit=500"], _asked);
    }

    private static List<RunResource> ResourcesOf(string id)
    {
        var at = new DateTimeOffset(2026, 11, 29, 20, 0, 0, TimeSpan.Zero);
        var alive = new RunResource(
            ResourceKind.Node, $"projects/p/locations/us-west4-a/nodes/wf-{id}-2", new RunId(id), "us-west4-a",
            "v5litepod-8", ProvisioningMode.Spot, 2, ResourceState.Ready, at, at, null, 1.2, 0.5, null, null);
        return
        [
            alive,
            alive with
            {
                Name = $"projects/p/locations/us-west4-a/nodes/wf-{id}-1",
                AskedAt = at.AddHours(-1),
                State = ResourceState.Gone,
                EndedAt = at,
                Usd = 0.25,
                Code = "OUT_OF_CAPACITY",
                Why = "no more \u001b[31mcapacity",
                Deletion = new ResourceDeletion(null, null, at.AddMinutes(-30), "NOT_FOUND"),
            },
        ];
    }

    private async Task PageAsync(HttpContext context)
    {
        var token = context.Request.Headers[Token].ToString();
        _asked.Enqueue($"{Uri.UnescapeDataString($"{context.Request.QueryString}")}"
            + (token.Length > 0 ? $" after {token}" : ""));
        if (token.Length > 0 && _away-- > 0)
        {
            context.Response.StatusCode = 503;
            await context.Response.WriteAsync("{\"detail\": \"It restarts.\"}", Cancellation);
            return;
        }

        var (from, limit) = (
            token.Length > 0 ? int.Parse(token) : 0,
            int.TryParse(context.Request.Query["limit"], out var asked) ? asked : 100);
        var page = Enumerable.Range(from, Math.Max(0, Math.Min(limit, _count - from))).ToList();
        if (from + limit < _count)
        {
            context.Response.Headers[Token] = _stuck ?? $"{from + limit}";
        }

        await context.Response.WriteAsJsonAsync(page.Select(number => new
        {
            id = $"run-{number}",
            name = "n",
            status = "running",
            stage = "train",
            detail = "d",
            createdAt = DateTimeOffset.UnixEpoch,
        }), Cancellation);
    }

    private async Task<(List<string> Ids, bool HasMore)> ListAsync(int? limit)
    {
        await using var link = await ServiceLink.OpenAsync(new Uri(Address), "nowhere", null, null, Cancellation);
        var (ids, hasMore) = (new List<string>(), false);
        await foreach (var (runs, more) in link.ListAsync("&status=failed", limit, _ => { }, Cancellation))
        {
            ids.AddRange(runs.Select(run => run.Id.Value));
            hasMore = more;
        }

        return (ids, hasMore);
    }

    private Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments) => Command.RunAsync(
        "dotnet", [Path.Combine(AppContext.BaseDirectory, "Workflows.Cli.dll"), .. arguments, "--service", Address],
        new Dictionary<string, string> { ["WORKFLOWS_SERVICE"] = "" });
}
