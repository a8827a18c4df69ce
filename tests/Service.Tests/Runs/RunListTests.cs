using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>The list of runs: in one order, in pages, by status and name.</summary>
public sealed class RunListTests(RunningService service) : IClassFixture<RunningService>
{
    private const string Refusing = """{"apiDisabled": true}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task List_PageByPage_HasEveryRunOnceNewestFirst()
    {
        var started = new List<string>();
        for (var each = 0; each < 5; each++)
        {
            var request = service.Request(Refusing);
            request["name"] = $"호텔 & rooms {each}";
            started.Insert(0, await service.StartAsync(request));
        }

        await Task.WhenAll(started.Select(id => service.ReportAsync(id)));
        var seen = new List<string>();
        var pages = 0;
        for (string? path = "/runs?limit=2&name=" + Uri.EscapeDataString("호텔 & "); path is not null; pages++)
        {
            var (ids, next) = await PageAsync(path);
            seen.AddRange(ids);
            path = next;
        }

        Assert.Equal(started, seen);
        Assert.Equal(3, pages);

        // A run that starts between two pages is on neither, and moves nothing.
        var (_, second) = await PageAsync("/runs?limit=2&name=rooms");
        var late = service.Request(Refusing);
        late["name"] = "rooms, later";
        await service.StartAsync(late);
        Assert.Equal(started[2..4], (await PageAsync(second!)).Ids);
    }

    [Fact]
    public async Task List_ByStatus_HasTheseOnly()
    {
        var failed = await service.StartAsync(service.Request(Refusing));
        await service.ReportAsync(failed);

        Assert.Contains(failed, (await PageAsync("/runs?status=failed,running&limit=500")).Ids);
        Assert.DoesNotContain(failed, (await PageAsync("/runs?status=succeeded&status=running&limit=500")).Ids);
        Assert.Equal([failed], (await PageAsync($"/runs?name={failed.ToUpperInvariant()}")).Ids);
        Assert.Empty((await PageAsync("/runs?name=%00")).Ids);
    }

    [Fact]
    public async Task List_ByPrefixTextAndTime_HasTheseOnlyOverAllPages()
    {
        var started = new List<string>();
        for (var each = 0; each < 3; each++)
        {
            var request = service.Request(Refusing);
            request["id"] = $"tuned-{each}";
            started.Insert(0, await service.StartAsync(request));
        }

        var reports = await Task.WhenAll(started.Select(id => service.ReportAsync(id)));
        var code = reports[0].GetProperty("failure").GetProperty("code").GetString()!;
        var views = await service.Http.GetFromJsonAsync<JsonElement>("/runs?prefix=tuned-", Cancellation);
        var middle = Uri.EscapeDataString(views[1].GetProperty("createdAt").GetString()!);

        Assert.Equal(started, Ids(views));
        Assert.Empty((await PageAsync("/runs?prefix=uned-")).Ids);
        Assert.Empty((await PageAsync("/runs?prefix=TUNED-")).Ids);
        Assert.Equal(started, (await PageAsync($"/runs?text={code.ToLowerInvariant()}&prefix=tuned")).Ids);
        Assert.Empty((await PageAsync($"/runs?text={code}&name={code}")).Ids);
        Assert.Equal(started[..2], (await PageAsync($"/runs?prefix=tuned&from={middle}")).Ids);
        Assert.Equal(started[2..], (await PageAsync($"/runs?prefix=tuned&to={middle}")).Ids);

        // The next page has the same filter, and a cursor that says nothing.
        var (first, next) = await PageAsync($"/runs?prefix=tuned&from={middle}&limit=1");
        Assert.DoesNotContain("tuned-2", next, StringComparison.Ordinal);
        Assert.Equal(started[..2], [.. first, .. (await PageAsync(next!)).Ids]);
    }

    /// <summary>A client of Durable Functions lists with its own names, and follows a header.</summary>
    [Fact]
    public async Task List_ByTheNamesOfDurableFunctions_IsTheSame()
    {
        var started = new List<string>();
        for (var each = 0; each < 3; each++)
        {
            var request = service.Request(Refusing);
            request["id"] = $"named-{each}";
            started.Insert(0, await service.StartAsync(request));
        }

        await Task.WhenAll(started.Select(id => service.ReportAsync(id)));
        var views = await service.Http.GetFromJsonAsync<JsonElement>("/runs?prefix=named-", Cancellation);
        var middle = Uri.EscapeDataString(views[1].GetProperty("createdTime").GetString()!);

        Assert.Equal(started, (await PageAsync("/runs?instanceIdPrefix=named-&runtimeStatus=FAILED,Running")).Ids);
        Assert.Empty((await PageAsync(
            "/runs?instanceIdPrefix=named-&runtimeStatus=Completed&runtimeStatus=Canceled,Terminated,Pending,Suspended"
            + ",ContinuedAsNew")).Ids);
        Assert.Equal(started[..2], (await PageAsync($"/runs?prefix=named-&createdTimeFrom={middle}")).Ids);
        Assert.Equal(started[2..], (await PageAsync($"/runs?prefix=named-&createdTimeTo={middle}")).Ids);
        Assert.Equal(started, (await PageAsync(
            "/runs?status=failed&runtimeStatus=Failed&prefix=named-&instanceIdPrefix=named-&limit=9&top=9")).Ids);

        var (seen, token) = (new List<string>(), "");
        do
        {
            var (ids, next) = await TokenPageAsync("/runs?instanceIdPrefix=named-&top=2", token);
            seen.AddRange(ids);
            token = next;
        }
        while (token is not null);
        Assert.Equal(started, seen);
    }

    [Theory]
    [InlineData("MX4uLi94")]
    [InlineData("run-1")]
    [InlineData("a, b")]
    public async Task List_AfterAWrongToken_NamesTheHeader(string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/runs");
        request.Headers.Add("x-ms-continuation-token", token);
        using var answer = await service.Http.SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal(
            "x-ms-continuation-token", problem.GetProperty("errors")[0].GetProperty("field").GetString());
    }

    [Fact]
    public async Task List_AfterARunIsResumedOrPurged_IsAsTheEngineHasIt()
    {
        var id = await service.StartAsync(service.Request(Refusing));
        await service.ReportAsync(id);
        Assert.Equal([id], (await PageAsync($"/runs?name={id}&status=failed")).Ids);
        var (before, _) = await PageAsync("/runs?limit=500");

        using (var resumed = await service.Http.PostAsync($"/runs/{id}/resume", null, Cancellation))
        {
            Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
        }

        await service.ReportAsync(id);
        var view = await service.Http.GetFromJsonAsync<JsonElement>($"/runs?name={id}", Cancellation);
        Assert.Equal(1, view[0].GetProperty("resumptions").GetInt32());
        Assert.Equal(before, (await PageAsync("/runs?limit=500")).Ids);

        using (var purged = await service.Http.DeleteAsync($"/runs/{id}?artifacts=true", Cancellation))
        {
            Assert.Equal(HttpStatusCode.OK, purged.StatusCode);
        }

        Assert.Empty((await PageAsync($"/runs?name={id}")).Ids);
        await service.RestartAsync(_ => { });
        Assert.Equal(before.Where(each => each != id), (await PageAsync("/runs?limit=500")).Ids);
    }

    [Theory]
    [InlineData("status=done", "status", "succeeded")]
    [InlineData("status=%1b%5b31m", "status", "succeeded")]
    [InlineData("limit=0", "limit", "1 to 500")]
    [InlineData("limit=501", "limit", "1 to 500")]
    [InlineData("limit=-1", "limit", "1 to 500")]
    [InlineData("limit=99999999999999", "limit", "1 to 500")]
    [InlineData("limit=", "limit", "1 to 500")]
    [InlineData("after=", "after", "Link header")]
    [InlineData("after=run-1", "after", "Link header")]
    [InlineData("after=1~run-1", "after", "Link header")]
    [InlineData("after=OTIyMzM3MjAzNjg1NDc3NTgwN35ydW4tMQ", "after", "Link header")]
    [InlineData("after=MX4uLi94", "after", "Link header")]
    [InlineData("after=_____w", "after", "Link header")]
    [InlineData("from=yesterday", "from", "2026-11-29T08:30:00Z")]
    [InlineData("from=1", "from", "2026-11-29T08:30:00Z")]
    [InlineData("to=%1b%5b31m", "to", "2026-11-29T08:30:00Z")]
    [InlineData("from=2026-11-29&to=2026-11-29", "to", "later")]
    [InlineData("createdTimeFrom=2026-11-29&createdTimeTo=2026-11-28", "createdTimeTo", "later")]
    [InlineData("createdTimeFrom=now", "createdTimeFrom", "2026-11-29T08:30:00Z")]
    [InlineData("createdTimeTo=", "createdTimeTo", "2026-11-29T08:30:00Z")]
    [InlineData("runtimeStatus=succeeded", "runtimeStatus", "Completed")]
    [InlineData("runtimeStatus=%1b%5b31m", "runtimeStatus", "Completed")]
    [InlineData("top=0", "top", "1 to 500")]
    [InlineData("top=501", "top", "1 to 500")]
    [InlineData("top=5&limit=6", "top", "one of them")]
    [InlineData("status=failed&runtimeStatus=Completed", "runtimeStatus", "one of them")]
    [InlineData("prefix=a&instanceIdPrefix=b", "instanceIdPrefix", "one of them")]
    [InlineData("from=2026-11-29&createdTimeFrom=2026-11-28", "createdTimeFrom", "one of them")]
    [InlineData("to=2026-11-29&createdTimeTo=2026-11-28", "createdTimeTo", "one of them")]
    public async Task List_WrongParameter_NamesItAndTheFix(string query, string field, string fix)
    {
        using var answer = await service.Http.GetAsync($"/runs?{query}", Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        var error = Assert.Single(problem.GetProperty("errors").EnumerateArray());
        Assert.Equal(field, error.GetProperty("field").GetString());
        Assert.Contains(fix, error.GetProperty("fix").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain(error.GetProperty("message").GetString()!, char.IsControl);
    }

    private async Task<(IReadOnlyList<string> Ids, string? Next)> PageAsync(string path)
    {
        using var answer = await service.Http.GetAsync(path, Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var runs = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        var next = answer.Headers.TryGetValues("Link", out var links) ? Assert.Single(links) : null;
        return (Ids(runs), next?[1..next.IndexOf('>', StringComparison.Ordinal)]);
    }

    private async Task<(IReadOnlyList<string> Ids, string? Next)> TokenPageAsync(string path, string token)
    {
        const string Header = "x-ms-continuation-token";
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add(Header, token);
        using var answer = await service.Http.SendAsync(request, Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var runs = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        return (Ids(runs), answer.Headers.TryGetValues(Header, out var next) ? Assert.Single(next) : null);
    }

    private static List<string> Ids(JsonElement runs) =>
        [.. runs.EnumerateArray().Select(run => run.GetProperty("id").GetString()!)];
}
