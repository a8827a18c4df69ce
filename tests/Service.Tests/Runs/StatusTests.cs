using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>The status of a run by the rules of Durable Functions: its fields, flags and waits.</summary>
public sealed class StatusTests(RunningService service) : IClassFixture<RunningService>
{
    private const string Refusing = """{"apiDisabled": true}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Get_OfAFailedRun_HasTheFieldsOfDurableFunctions()
    {
        var request = service.Request(Refusing);
        request["name"] = "a name";
        request["budgetUsd"] = 7;
        var id = await EndedAsync(request);

        var run = await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}", Cancellation);

        Assert.Equal((id, "Failed", "failed"), (
            run.GetProperty("instanceId").GetString(), run.GetProperty("runtimeStatus").GetString(),
            run.GetProperty("output").GetProperty("status").GetString()));
        Assert.Equal(run.GetProperty("createdAt").GetString(), run.GetProperty("createdTime").GetString());
        Assert.Equal(run.GetProperty("lastUpdatedAt").GetString(), run.GetProperty("lastUpdatedTime").GetString());
        Assert.Equal("done", run.GetProperty("customStatus").GetProperty("stage").GetString());
        var input = run.GetProperty("input");
        Assert.Equal(
            ("a name", 7.0), (input.GetProperty("name").GetString(), input.GetProperty("budgetUsd").GetDouble()));
        Assert.False(run.TryGetProperty("historyEvents", out _));

        var bare = await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}?showInput=False", Cancellation);
        Assert.False(bare.TryGetProperty("input", out _));
        var listed = await service.Http.GetFromJsonAsync<JsonElement>($"/runs?prefix={id}", Cancellation);
        Assert.False(listed[0].TryGetProperty("input", out _));
    }

    [Fact]
    public async Task Get_WithHistory_HasTheEnginesEventsAndTheirDataOnlyIfAsked()
    {
        var id = await EndedAsync(service.Request(Refusing));

        var bare = await HistoryAsync($"/runs/{id}?showHistory=true");
        var whole = await HistoryAsync($"/runs/{id}?showHistory=true&showHistoryOutput=true");

        Assert.Equal("ExecutionStarted", bare[0].GetProperty("eventType").GetString());
        Assert.Equal("FineTuneOrchestration", bare[0].GetProperty("name").GetString());
        Assert.Equal("ExecutionCompleted", bare[^1].GetProperty("eventType").GetString());
        Assert.Equal("Completed", bare[^1].GetProperty("orchestrationStatus").GetString());
        Assert.Equal(bare.Count, whole.Count);
        Assert.All(bare, each => Assert.False(
            each.TryGetProperty("input", out _) || each.TryGetProperty("result", out _), $"{each}"));
        Assert.Equal("failed", Lower(whole[^1].GetProperty("result")).GetProperty("status").GetString());
        Assert.Contains(id, $"{whole[0].GetProperty("input")}", StringComparison.Ordinal);

        // An end stands for what was scheduled before it.
        Assert.DoesNotContain(whole, each => each.GetProperty("eventType").GetString() == "TaskScheduled");
        Assert.Contains(whole, each => each.GetProperty("eventType").GetString() == "TaskCompleted"
            && each.TryGetProperty("name", out _) && each.TryGetProperty("scheduledTime", out _));
        Assert.False((await service.Http.GetFromJsonAsync<JsonElement>(
            $"/runs/{id}?showHistoryOutput=true", Cancellation)).TryGetProperty("historyEvents", out _));
    }

    [Fact]
    public async Task Get_OfAFailedRunAsAnError_Answers500WithTheRun()
    {
        var failed = await EndedAsync(service.Request(Refusing));
        var good = await service.StartAsync(service.Request(steps: 100_000));

        var (status, run) = await SendAsync(HttpMethod.Get, $"/runs/{failed}?returnInternalServerErrorOnFailure=true");
        Assert.Equal(
            (HttpStatusCode.InternalServerError, failed, "Failed"),
            (status, run.GetProperty("id").GetString(), run.GetProperty("runtimeStatus").GetString()));
        (status, _) = await SendAsync(HttpMethod.Get, $"/runs/{failed}?returnInternalServerErrorOnFailure=false");
        Assert.Equal(HttpStatusCode.OK, status);
        (status, _) = await SendAsync(HttpMethod.Get, $"/runs/{good}?returnInternalServerErrorOnFailure=true");
        Assert.Equal(HttpStatusCode.Accepted, status);

        // A cancelled run has not failed.
        await SendAsync(HttpMethod.Post, $"/runs/{good}/cancel");
        await service.ReportAsync(good);
        (status, run) = await SendAsync(HttpMethod.Get, $"/runs/{good}?returnInternalServerErrorOnFailure=true");
        Assert.Equal((HttpStatusCode.OK, "Canceled"), (status, run.GetProperty("runtimeStatus").GetString()));
    }

    [Fact]
    public async Task Get_OfARunUnderWay_Answers202WithItsAddressAndWhenToAskAgain()
    {
        var id = await service.StartAsync(service.Request(steps: 100_000));

        using (var answer = await service.Http.GetAsync($"/runs/{id}?timeout=1&showInput=false", Cancellation))
        {
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(5), answer.Headers.RetryAfter?.Delta);
            Assert.Equal($"/runs/{id}", answer.Headers.Location?.ToString());
            var run = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
            Assert.Equal(JsonValueKind.Null, run.GetProperty("output").ValueKind);
        }

        await SendAsync(HttpMethod.Post, $"/runs/{id}/cancel");
        var (status, ended) = await SendAsync(HttpMethod.Get, $"/runs/{id}?timeout=300");
        Assert.Equal(
            (HttpStatusCode.OK, "cancelled"), (status, ended.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task Post_WithATimeout_AnswersTheEndedRunOrTheAddressesThatManageIt()
    {
        using (var done = await service.Http.PostAsJsonAsync(
            "/runs?timeout=300&pollingInterval=1", service.Request(Refusing), Cancellation))
        {
            var run = await done.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
            Assert.Equal((HttpStatusCode.OK, true), (done.StatusCode, run.GetProperty("hasEnded").GetBoolean()));
            Assert.Equal("failed", run.GetProperty("output").GetProperty("status").GetString());
        }

        using var early = await service.Http.PostAsJsonAsync(
            "/runs?timeout=1", service.Request(steps: 100_000), Cancellation);
        var started = await early.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal(HttpStatusCode.Accepted, early.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(10), early.Headers.RetryAfter?.Delta);
        using var ended = await service.Http.PostAsync(
            new Uri(started.GetProperty("terminatePostUri").GetString()!), null, Cancellation);
        Assert.Equal(HttpStatusCode.Accepted, ended.StatusCode);
    }

    [Theory]
    [InlineData("timeout=0", "timeout", "1 to 600")]
    [InlineData("timeout=601", "timeout", "1 to 600")]
    [InlineData("timeout=-1", "timeout", "1 to 600")]
    [InlineData("timeout=1e2", "timeout", "1 to 600")]
    [InlineData("timeout=NaN", "timeout", "1 to 600")]
    [InlineData("timeout=", "timeout", "1 to 600")]
    [InlineData("timeout=%1b%5b31m", "timeout", "1 to 600")]
    [InlineData("timeout=5&timeout=6", "timeout", "1 to 600")]
    [InlineData("timeout=60&pollingInterval=61", "pollingInterval", "1 to 60")]
    [InlineData("timeout=60&pollingInterval=0.5", "pollingInterval", "1 to 60")]
    [InlineData("timeout=5&pollingInterval=6", "pollingInterval", "5 seconds")]
    [InlineData("pollingInterval=11", "pollingInterval", "10 seconds")]
    [InlineData("showInput=1", "showInput", "true or false")]
    [InlineData("showInput=", "showInput", "true or false")]
    [InlineData("showInput=true&showInput=false", "showInput", "true or false")]
    [InlineData("showHistory=yes", "showHistory", "true or false")]
    [InlineData("showHistoryOutput=%00", "showHistoryOutput", "true or false")]
    [InlineData("returnInternalServerErrorOnFailure=truetrue", "returnInternalServerErrorOnFailure", "true or false")]
    public async Task Get_WithAWrongParameter_NamesItAndTheFix(string query, string field, string fix)
    {
        var (status, problem) = await SendAsync(HttpMethod.Get, $"/runs/any?{query}");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        var error = Assert.Single(problem.GetProperty("errors").EnumerateArray());
        Assert.Equal(field, error.GetProperty("field").GetString());
        Assert.Contains(fix, error.GetProperty("fix").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain(error.GetProperty("message").GetString()!, char.IsControl);
    }

    [Fact]
    public async Task Post_WithAWrongTimeout_StartsNothing()
    {
        var request = service.Request(Refusing);
        request["id"] = "never-started";

        using var answer = await service.Http.PostAsJsonAsync("/runs?timeout=soon", request, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(
            HttpStatusCode.NotFound, (await SendAsync(HttpMethod.Get, "/runs/never-started")).Status);
    }

    /// <summary>A stop of the service does not wait for a caller who waits.</summary>
    [Fact]
    public async Task Post_WithATimeoutAtAServiceThatStops_IsAnsweredAsStarted()
    {
        await using var own = new RunningService();
        await own.InitializeAsync();
        var request = own.Request(steps: 100_000);
        request["id"] = "waited-for";
        using var patient = new HttpClient { BaseAddress = own.Http.BaseAddress };
        var waiting = patient.PostAsJsonAsync("/runs?timeout=600", request, Cancellation);
        var isThere = false;
        while (!isThere)
        {
            Assert.False(waiting.IsCompleted);
            using var shown = await own.Http.GetAsync("/runs/waited-for", Cancellation);
            isThere = shown.StatusCode == HttpStatusCode.Accepted;
        }

        await own.RestartAsync(_ => { }, async () =>
        {
            using var answer = await waiting;
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        });

        using var cancel = await own.Http.PostAsync("/runs/waited-for/cancel", null, Cancellation);
        Assert.Equal(HttpStatusCode.Accepted, cancel.StatusCode);
        await own.ReportAsync("waited-for");
    }

    private async Task<string> EndedAsync(System.Text.Json.Nodes.JsonObject request)
    {
        var id = await service.StartAsync(request);
        await service.ReportAsync(id);
        return id;
    }

    private async Task<List<JsonElement>> HistoryAsync(string path) =>
        [.. (await service.Http.GetFromJsonAsync<JsonElement>(path, Cancellation)).GetProperty("historyEvents")
            .EnumerateArray()];

    /// <summary>The engine's data has names as its program writes them.</summary>
    private static JsonElement Lower(JsonElement data) => JsonSerializer.SerializeToElement(
        data.EnumerateObject().ToDictionary(
            each => JsonNamingPolicy.CamelCase.ConvertName(each.Name), each => each.Value));

    private async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        using var answer = await service.Http.SendAsync(request, Cancellation);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation));
    }
}
