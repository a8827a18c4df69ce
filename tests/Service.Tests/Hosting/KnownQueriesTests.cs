using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Workflows.Service.Tests.Hosting;

/// <summary>A misspelt parameter is refused with the nearest name: left out, a filter would list everything.</summary>
public sealed class KnownQueriesTests(RunningService service) : IClassFixture<RunningService>
{
    [Theory]
    [InlineData("GET", "/runs?stauts=failed", "stauts", "Did you mean 'status'?")]
    [InlineData("GET", "/runs?status=failed&colour=red", "colour", "Use after, createdTimeFrom,")]
    [InlineData("GET", "/spending?day=1", "day", "takes none")]
    [InlineData("GET", "/runs/any/metrics?point=5", "point", "Did you mean 'points'?")]
    [InlineData("GET", "/runs/any/report?%1b%5b31m=1", "\\u001b[31m", "takes none")]
    [InlineData("GET", "/runs/any?showhistry=true", "showhistry", "Did you mean 'showHistory'?")]
    [InlineData("POST", "/runs?timeuot=5", "timeuot", "Did you mean 'timeout'?")]
    [InlineData("POST", "/runs/any/rewind?raeson=x", "raeson", "Did you mean 'reason'?")]
    [InlineData("GET", "/runs/any/resources?state=gone", "state", "takes none")]
    [InlineData("DELETE", "/runs?all=true&stauts=failed", "stauts", "Did you mean 'status'?")]
    [InlineData("DELETE", "/runs?group=any", "group", "Use all, artifacts,")]
    [InlineData("DELETE", "/runs/any?artifact=true", "artifact", "Did you mean 'artifacts'?")]
    [InlineData("POST", "/runs/any/cancel?raeson=x", "raeson", "Did you mean 'reason'?")]
    public async Task Parameter_ThatDoesNotExist_IsRefusedWithTheNearest(
        string method, string path, string field, string fix)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await service.Http.SendAsync(request, TestContext.Current.CancellationToken);

        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        var error = problem.GetProperty("errors")[0];
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(field, error.GetProperty("field").GetString());
        Assert.Contains(fix, error.GetProperty("fix").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/runs?STATUS=failed&Limit=5")]
    [InlineData("/healthz?probe=1")]
    [InlineData("/readyz?probe=1")]
    [InlineData("/runs?")]
    public async Task Parameter_ThatExistsInAnyCase_IsTaken(string path)
    {
        using var answer = await service.Http.GetAsync(path, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Metrics_OfAnotherMethod_Are405()
    {
        using var answer = await service.Http.PostAsync("/metrics", null, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
    }
}
