using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>The purge of several runs: by filters, a page at a time, and nothing that may cost.</summary>
public sealed class RunsPurgerTests(RunningService service) : IClassFixture<RunningService>
{
    private const string Refusing = """{"apiDisabled": true}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Purge_ByFilters_DeletesTheEndedRunsAndTellsTheOthers()
    {
        var ended = await EndedAsync("some-1", "some-2", "some-3");
        var other = await EndedAsync("other-1");
        var live = await StartAsync("some-live", steps: 100_000);
        await service.WaitAsync(live, run => run.GetProperty("nodes").GetArrayLength() > 0);
        var name = NodeName.Of("rehearsal-some-2", "us-west4-a", "forgotten");
        service.Services.GetRequiredService<RunLedger>().Append(
            new RunId("some-2"), LedgerKinds.Intent, $"{name}", new TpuLease(
                name, new Candidate("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v2", 8, 1), 9));

        var (status, view, _) = await PurgeAsync("instanceIdPrefix=some-&reason=tidy");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(["some-3", "some-1"], Texts(view.GetProperty("purged")));
        Assert.True(view.GetProperty("instancesDeleted").GetInt32() >= 4, $"{view}");
        Assert.False(view.GetProperty("hasMore").GetBoolean());
        Assert.Equal(
            [("some-live", "RUN_UNDER_WAY"), ("some-2", "RUN_MAY_COST")],
            view.GetProperty("left").EnumerateArray().Select(left => (
                left.GetProperty("id").GetString(), left.GetProperty("code").GetString())));
        Assert.Contains(
            "forgotten", view.GetProperty("left")[1].GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(["some-live", "some-2", other[0]], await IdsAsync("some-", "other-"));
        Assert.Equal(3, ended.Count);

        // Again: only runs that are left are like the filter, and then none is.
        (status, view, _) = await PurgeAsync("prefix=some-&runtimeStatus=Running,Failed");
        Assert.Equal((HttpStatusCode.OK, 0), (status, view.GetProperty("instancesDeleted").GetInt32()));
        Assert.Equal(2, view.GetProperty("left").GetArrayLength());
        (status, view, _) = await PurgeAsync("prefix=some-&status=succeeded");
        Assert.Equal((HttpStatusCode.NotFound, "RUNS_UNMATCHED"), (status, view.GetProperty("code").GetString()));
        using var cancel = await service.Http.PostAsync($"/runs/{live}/cancel", null, Cancellation);
        await service.ReportAsync(live);
    }

    [Fact]
    public async Task Purge_PageByPage_PassesOverTheRunsThatAreLeft()
    {
        await EndedAsync("page-1", "page-2", "page-3");
        var name = NodeName.Of("rehearsal-page-3", "us-west4-a", "forgotten");
        service.Services.GetRequiredService<RunLedger>().Append(
            new RunId("page-3"), LedgerKinds.Intent, $"{name}", new TpuLease(
                name, new Candidate("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v2", 8, 1), 9));

        var (_, view, token) = await PurgeAsync("prefix=page-&top=1");
        Assert.Equal(
            (0, true, "page-3"), (
                view.GetProperty("purged").GetArrayLength(), view.GetProperty("hasMore").GetBoolean(),
                view.GetProperty("left")[0].GetProperty("id").GetString()));
        (_, view, token) = await PurgeAsync("prefix=page-&top=1", token);
        Assert.Equal(["page-2"], Texts(view.GetProperty("purged")));
        (_, view, token) = await PurgeAsync("prefix=page-&top=1", token);

        Assert.Equal(["page-1"], Texts(view.GetProperty("purged")));
        Assert.Null(token);
        Assert.Equal(["page-3"], await IdsAsync("page-"));
    }

    [Fact]
    public async Task Purge_OfAGroup_TakesItsVariantsWithItAndNeverOneAlone()
    {
        var request = service.Request(Refusing);
        request["id"] = "whole";
        request["variants"] = JsonSerializer.SerializeToNode(new[]
        {
            new { name = "a", training = new { steps = 5 } }, new { name = "b", training = new { steps = 4 } },
        });
        await service.StartAsync(request);
        await service.WaitAsync("whole", run => run.GetProperty("hasEnded").GetBoolean());
        Assert.Contains("whole-a", await IdsAsync("whole"));

        var (_, view, _) = await PurgeAsync("prefix=whole-a");
        Assert.Equal("RUN_OF_GROUP", view.GetProperty("left")[0].GetProperty("code").GetString());
        (_, view, _) = await PurgeAsync("prefix=whole&artifacts=true");

        Assert.Equal(["whole"], Texts(view.GetProperty("purged")));
        Assert.Empty(view.GetProperty("left").EnumerateArray());
        Assert.Empty(view.GetProperty("kept").EnumerateArray());
        Assert.Empty(await IdsAsync("whole"));
    }

    [Theory]
    [InlineData("", "all", "all=true alone")]
    [InlineData("all=false", "all", "all=true alone")]
    [InlineData("status=", "all", "all=true alone")]
    [InlineData("prefix=&name=&text=", "all", "all=true alone")]
    [InlineData("top=5", "all", "all=true alone")]
    [InlineData("artifacts=true", "all", "all=true alone")]
    [InlineData("all=true&status=failed", "all", "all=true alone")]
    [InlineData("all=yes", "all", "true or false")]
    [InlineData("all=true&artifacts=1", "artifacts", "true or false")]
    [InlineData("status=done", "status", "succeeded")]
    [InlineData("all=true&top=501", "top", "1 to 500")]
    [InlineData("createdTimeTo=%1b%5b31m", "createdTimeTo", "2026-11-29T08:30:00Z")]
    public async Task Purge_WithWrongParameters_NamesThemAndDeletesNothing(string query, string field, string fix)
    {
        var id = (await EndedAsync($"wrong-{Guid.NewGuid():n}"[..20]))[0];

        var (status, problem, _) = await PurgeAsync(query);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        var error = Assert.Single(problem.GetProperty("errors").EnumerateArray());
        Assert.Equal(field, error.GetProperty("field").GetString());
        Assert.Contains(fix, error.GetProperty("fix").GetString(), StringComparison.Ordinal);
        Assert.Equal([id], await IdsAsync(id));
    }

    [Fact]
    public async Task Purge_OfAllRuns_LeavesAServiceWithoutEndedRuns()
    {
        await using var own = new RunningService();
        await own.InitializeAsync();
        for (var each = 0; each < 2; each++)
        {
            await own.ReportAsync(await own.StartAsync(own.Request(Refusing)));
        }

        using var answer = await own.Http.DeleteAsync("/runs?all=true&artifacts=true", Cancellation);

        var view = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal((HttpStatusCode.OK, 2), (answer.StatusCode, view.GetProperty("purged").GetArrayLength()));
        using var again = await own.Http.DeleteAsync("/runs?all=true", Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
    }

    private async Task<IReadOnlyList<string>> EndedAsync(params string[] ids)
    {
        foreach (var id in ids)
        {
            await service.ReportAsync(await StartAsync(id));
        }

        return ids;
    }

    private Task<string> StartAsync(string id, int? steps = null)
    {
        var request = steps is { } many ? service.Request(steps: many) : service.Request(Refusing);
        request["id"] = id;
        return service.StartAsync(request);
    }

    private async Task<(HttpStatusCode Status, JsonElement View, string? Token)> PurgeAsync(
        string query, string? token = null)
    {
        const string Header = "x-ms-continuation-token";
        using var request = new HttpRequestMessage(HttpMethod.Delete, $"/runs?{query}");
        if (token is not null)
        {
            request.Headers.Add(Header, token);
        }

        using var answer = await service.Http.SendAsync(request, Cancellation);
        return (
            answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation),
            answer.Headers.TryGetValues(Header, out var next) ? Assert.Single(next) : null);
    }

    private async Task<List<string>> IdsAsync(params string[] prefixes)
    {
        var ids = new List<string>();
        foreach (var prefix in prefixes)
        {
            var runs = await service.Http.GetFromJsonAsync<JsonElement>($"/runs?prefix={prefix}", Cancellation);
            ids.AddRange(runs.EnumerateArray().Select(run => run.GetProperty("id").GetString()!));
        }

        return ids;
    }

    private static IEnumerable<string> Texts(JsonElement list) => list.EnumerateArray().Select(
        each => each.GetString()!);
}
