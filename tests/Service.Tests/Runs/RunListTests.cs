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
    [InlineData("after=9223372036854775807~run-1", "after", "Link header")]
    [InlineData("after=1~../x", "after", "Link header")]
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
        return ([.. runs.EnumerateArray().Select(run => run.GetProperty("id").GetString()!)],
            next?[1..next.IndexOf('>', StringComparison.Ordinal)]);
    }
}
