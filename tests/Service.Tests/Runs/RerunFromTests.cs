using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>A run that begins with the work of another one: only if that is there, and of the same settings.</summary>
public sealed class RerunFromTests(RunningService service) : IClassFixture<RunningService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rerun_FromEachStage_TakesOverTheWorkBeforeIt()
    {
        var first = await service.StartAsync(service.Request(steps: 3));
        var report = await service.ReportAsync(first);

        var trained = await RerunAsync(first, "train", """{"training": {"learningRate": 0.002, "steps": 4}}""");
        var ofTrain = await service.ReportAsync(trained);
        Assert.Equal("succeeded", ofTrain.GetProperty("status").GetString());
        Assert.Equal(4, ofTrain.GetProperty("training").GetProperty("steps").GetInt32());
        Assert.DoesNotContain("prepare", await StagesAsync(trained));

        var evaluated = await RerunAsync(first, "evaluate", """{"evaluation": {"maxNewTokens": 8}}""");
        var ofEvaluate = await service.ReportAsync(evaluated);
        Assert.Equal("succeeded", ofEvaluate.GetProperty("status").GetString());
        Assert.Equal(["plan", "evaluate", "teardown", "report"], await StagesAsync(evaluated));
        Assert.Equal(
            report.GetProperty("training").GetProperty("finalLoss").GetDouble(),
            ofEvaluate.GetProperty("training").GetProperty("finalLoss").GetDouble());

        // The first run is gone; what was taken over of its work is not.
        using (var purged = await service.Http.DeleteAsync($"/runs/{first}?artifacts=true", Cancellation))
        {
            Assert.Equal(HttpStatusCode.OK, purged.StatusCode);
        }

        var scored = await RerunAsync(evaluated, "report", """{"evaluation": {"bootstrapSamples": 200}}""");
        var ofReport = await service.ReportAsync(scored);
        Assert.Equal("succeeded", ofReport.GetProperty("status").GetString());
        Assert.Empty(ofReport.GetProperty("attempts").EnumerateArray());
        Assert.Equal(0, ofReport.GetProperty("cost").GetProperty("actual").GetDouble());
        Assert.Equal(
            ofEvaluate.GetProperty("verdict").GetProperty("tuned").GetProperty("chrf").GetDouble(),
            ofReport.GetProperty("verdict").GetProperty("tuned").GetProperty("chrf").GetDouble());
        var origin = ofReport.GetProperty("origin");
        Assert.Equal(
            (evaluated, "report"), (origin.GetProperty("of").GetString(), origin.GetProperty("from").GetString()));
    }

    [Fact]
    public async Task Rerun_OfARehearsalWithAScenario_KeepsItUnlessAnotherIsNamed()
    {
        var first = await service.StartAsync(service.Request("""{"apiDisabled": true}"""));
        await service.ReportAsync(first);

        var kept = await RerunAsync(first, null, "{}");
        Assert.Equal(
            "API_DISABLED",
            (await service.ReportAsync(kept)).GetProperty("failure").GetProperty("code").GetString());
        var changed = await RerunAsync(first, null, """{"rehearsal": {}}""");
        Assert.Equal("succeeded", (await service.ReportAsync(changed)).GetProperty("status").GetString());

        // It has prepared its corpus, and has trained nothing.
        foreach (var stage in new[] { "evaluate", "report" })
        {
            var (status, problem) = await PostAsync(first, stage, "{}");
            Assert.Equal(HttpStatusCode.Conflict, status);
            Assert.Equal("RERUN_WORK_MISSING", problem.GetProperty("code").GetString());
            Assert.EndsWith(
                "Begin with 'train'.", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }

        var again = await RerunAsync(first, "train", """{"rehearsal": {}}""");
        Assert.Equal("succeeded", (await service.ReportAsync(again)).GetProperty("status").GetString());
    }

    /// <summary>A part that is resumed has the work that was taken over, so it may change no more than its rerun
    /// could.</summary>
    [Fact]
    public async Task Resume_OfARerunWithAChangeOfWhatIsTakenOver_NamesTheField()
    {
        var first = await service.StartAsync(service.Request("""{"apiDisabled": true}"""));
        await service.ReportAsync(first);
        var id = await RerunAsync(first, "train", "{}");
        await service.ReportAsync(id);
        using var content = new StringContent("""{"training": {"maxLength": 64}}""");

        using var answer = await service.Http.PostAsync($"/runs/{id}/resume", content, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        var error = Assert.Single(problem.GetProperty("errors").EnumerateArray());
        Assert.Equal("training.maxLength", error.GetProperty("field").GetString());
        Assert.Contains("takes over", error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("teardown", "{}", "from")]
    [InlineData("Train", "{}", "from")]
    [InlineData("evaluate", """{"training": {"learningRate": 0.5}}""", "training.learningRate")]
    [InlineData("train", """{"training": {"maxLength": 64}}""", "training.maxLength")]
    [InlineData("report", """{"evaluation": {"beamSize": 2}}""", "evaluation.beamSize")]
    [InlineData("train", """{"direction": "both"}""", "direction")]
    public async Task Rerun_WithAChangeOfWhatIsTakenOver_NamesTheField(string from, string changes, string field)
    {
        var id = await service.StartAsync(service.Request("""{"apiDisabled": true}"""));
        await service.ReportAsync(id);

        var (status, problem) = await PostAsync(id, from, changes);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(field, problem.GetProperty("errors")[0].GetProperty("field").GetString());
    }

    private async Task<string> RerunAsync(string id, string? from, string changes)
    {
        var (status, made) = await PostAsync(id, from, changes);
        Assert.True(status == HttpStatusCode.Accepted, made.ToString());
        return made.GetProperty("id").GetString()!;
    }

    private async Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string id, string? from, string changes)
    {
        using var content = new StringContent(changes);
        using var answer = await service.Http.PostAsync(
            $"/runs/{id}/rerun{(from is null ? "" : $"?from={from}")}", content, Cancellation);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation));
    }

    private async Task<List<string>> StagesAsync(string id)
    {
        var events = await service.Http.GetFromJsonAsync<List<JsonElement>>($"/runs/{id}/events", Cancellation);
        return
        [
            .. events!.Where(line => line.GetProperty("kind").GetString() == "stage")
                .Select(line => line.GetProperty("data").GetProperty("stage").GetString()!),
        ];
    }
}
