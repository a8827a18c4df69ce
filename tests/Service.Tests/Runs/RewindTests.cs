using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>Runs that are rewound: those that failed go on as the same run, and all others are refused.</summary>
public sealed class RewindTests(RunningService service) : IClassFixture<RunningService>
{
    private const string Refusing = """{"apiDisabled": true}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rewind_OfAFailedRun_IsAnotherPartWithTheSameLimits()
    {
        var id = await EndedAsync(service.Request(Refusing));
        var before = await ShowAsync(id);

        using (var answer = await service.Http.PostAsync(
            $"/runs/{id}/rewind?reason={Uri.EscapeDataString("다시 <b>")}", null, Cancellation))
        {
            var body = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
            Assert.Equal((HttpStatusCode.Accepted, 2), (answer.StatusCode, body.GetProperty("part").GetInt32()));
            Assert.Empty(body.GetProperty("changes").EnumerateArray());
            Assert.Equal($"/runs/{id}", answer.Headers.Location?.ToString());
        }

        await service.ReportAsync(id);
        var after = await ShowAsync(id);
        Assert.Equal(1, after.GetProperty("resumptions").GetInt32());
        Assert.Equal(before.GetProperty("createdAt").GetString(), after.GetProperty("createdAt").GetString());
        Assert.Equal($"{before.GetProperty("input")}", $"{after.GetProperty("input")}");
        var events = await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}/events", Cancellation);
        Assert.Equal("다시 <b>", events.EnumerateArray().Single(
                each => each.GetProperty("kind").GetString() == "resumed")
            .GetProperty("data").GetProperty("reason").GetString());
    }

    [Fact]
    public async Task Rewind_OfARunThatDidNotFail_IsRefusedAndChangesNothing()
    {
        var good = await EndedAsync(service.Request(steps: 2));
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(id, run => run.GetProperty("stage").GetString() == "train");
        await RefusedAsync(good, HttpStatusCode.Gone, "RUN_ENDED", "has ended as succeeded");
        await RefusedAsync(id, HttpStatusCode.Conflict, "RUN_UNDER_WAY", "is running");
        using (var suspended = await service.Http.PostAsync($"/runs/{id}/suspend", null, Cancellation))
        {
            Assert.Equal(HttpStatusCode.Accepted, suspended.StatusCode);
        }

        await service.WaitAsync(id, run => run.GetProperty("status").GetString() == "suspended");
        await RefusedAsync(id, HttpStatusCode.Conflict, "RUN_UNDER_WAY", "is suspended");
        Assert.Equal("suspended", (await ShowAsync(id)).GetProperty("status").GetString());
        using (var cancelled = await service.Http.PostAsync($"/runs/{id}/cancel", null, Cancellation))
        {
            Assert.Equal(HttpStatusCode.Accepted, cancelled.StatusCode);
        }

        await service.ReportAsync(id);
        await RefusedAsync(id, HttpStatusCode.Gone, "RUN_ENDED", "/resume continues it");

        var terminated = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(terminated, run => run.GetProperty("stage").GetString() == "train");
        await service.Services.GetRequiredService<DurableTaskClient>().TerminateInstanceAsync(
            terminated, cancellation: Cancellation);
        await service.WaitAsync(terminated, run => run.GetProperty("hasEnded").GetBoolean());
        await RefusedAsync(terminated, HttpStatusCode.Gone, "RUN_ENDED", "has ended as terminated");
        Assert.Equal(0, (await ShowAsync(terminated)).GetProperty("resumptions").GetInt32());
    }

    [Fact]
    public async Task Rewind_OfAGroup_ContinuesItAndNeverAVariantAlone()
    {
        var request = service.Request(Refusing);
        request["id"] = "group";
        request["variants"] = JsonNode.Parse("""
            [{"name": "a", "training": {"steps": 5}}, {"name": "b", "training": {"steps": 4}}]
            """);
        await service.StartAsync(request);
        await service.WaitAsync("group", run => run.GetProperty("hasEnded").GetBoolean());

        await RefusedAsync("group-a", HttpStatusCode.Conflict, "RUN_OF_GROUP", "Resume 'group'");
        var (status, body) = await RewindAsync("group", "{}");

        Assert.Equal((HttpStatusCode.Accepted, 2), (status, body.GetProperty("part").GetInt32()));
        await service.WaitAsync("group", run => run.GetProperty("hasEnded").GetBoolean());
        Assert.Equal(1, (await ShowAsync("group")).GetProperty("resumptions").GetInt32());
    }

    [Theory]
    [InlineData("""{"budgetUsd": 20}""")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("\u0000")]
    public async Task Rewind_WithABody_NamesTheCallThatChangesFields(string body)
    {
        var id = await EndedAsync(service.Request(Refusing));

        var (status, problem) = await RewindAsync(id, body);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        var error = Assert.Single(problem.GetProperty("errors").EnumerateArray());
        Assert.Equal("$", error.GetProperty("field").GetString());
        Assert.Contains("/resume", error.GetProperty("fix").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, (await ShowAsync(id)).GetProperty("resumptions").GetInt32());
    }

    [Theory]
    [InlineData("run-nobody")]
    [InlineData("Not%20An%20Id")]
    [InlineData("run-nobody:train")]
    public async Task Rewind_OfAnUnknownRun_Answers404(string id) =>
        await RefusedAsync(id, HttpStatusCode.NotFound, "RUN_UNKNOWN", "There is no run");

    private async Task RefusedAsync(string id, HttpStatusCode expected, string code, string detail)
    {
        var (status, problem) = await RewindAsync(id);
        Assert.Equal((expected, code), (status, problem.GetProperty("code").GetString()));
        Assert.Contains(detail, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    private async Task<(HttpStatusCode Status, JsonElement Body)> RewindAsync(string id, string? body = null)
    {
        using var content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await service.Http.PostAsync($"/runs/{id}/rewind", content, Cancellation);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation));
    }

    private async Task<JsonElement> ShowAsync(string id) =>
        await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}", Cancellation);

    private async Task<string> EndedAsync(JsonObject request)
    {
        var id = await service.StartAsync(request);
        await service.ReportAsync(id);
        return id;
    }
}
