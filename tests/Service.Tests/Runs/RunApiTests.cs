using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>The HTTP API: statuses, headers and errors.</summary>
public sealed class RunApiTests(RunningService service) : IClassFixture<RunningService>
{
    [Fact]
    public async Task Post_GoodRequest_Answers202WithLocationAndRetryAfter()
    {
        using var answer = await service.Http.PostAsJsonAsync("/runs", service.Request());

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.StartsWith("/runs/run-", answer.Headers.Location?.ToString(), StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromSeconds(10), answer.Headers.RetryAfter?.Delta);
        using var status = await service.Http.GetAsync(answer.Headers.Location);
        Assert.Contains(status.StatusCode, new[] { HttpStatusCode.Accepted, HttpStatusCode.OK });
    }

    [Fact]
    public async Task Post_SeveralFaults_NamesEveryFieldAndStartsNothing()
    {
        var request = service.Request();
        request["id"] = "Not An Id";
        request["direction"] = "ko-fr";
        request["model"] = "/nowhere";
        request["data"] = new JsonObject { ["train"] = "/nowhere.tsv", ["testFraction"] = 0.9 };
        request["tpu"] = new JsonObject { ["provisioning"] = "free" };
        request["training"]!["batchSize"] = 0;
        request["budgetUsd"] = -1;

        using var answer = await service.Http.PostAsJsonAsync("/runs", request);

        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("REQUEST_INVALID", problem.GetProperty("code").GetString());
        Assert.Equal(
            [
                "budgetUsd", "data.testFraction", "data.train", "direction", "id", "model", "tpu.acceleratorTypes",
                "tpu.provisioning", "training.batchSize",
            ],
            problem.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("field").GetString())
                .Distinct().Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("method", "\"qlora\"", "training.method")]
    [InlineData("lora", "{\"rank\": 8}", "training.lora")]
    [InlineData("keep", "\"best\"", "training.keep")]
    [InlineData("schedule", "\"step\"", "training.schedule")]
    [InlineData("validation", "{\"metric\": \"bleu\"}", "training.validation.metric")]
    public async Task Post_TrainingThatCannotBe_NamesTheField(string name, string value, string field)
    {
        var request = service.Request();
        request["training"]![name] = JsonNode.Parse(value);

        using var answer = await service.Http.PostAsJsonAsync("/runs", request);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(field, problem.GetProperty("errors")[0].GetProperty("field").GetString());
    }

    [Theory]
    [InlineData("{", "$")]
    [InlineData("[]", "$")]
    [InlineData("null", "$")]
    [InlineData("""{"model": 5}""", "model")]
    [InlineData("""{"tpus": {}}""", "tpus")]
    [InlineData("""{"training": {"step": 5}}""", "training.step")]
    public async Task Post_NotARequest_NamesTheField(string json, string field)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");

        using var answer = await service.Http.PostAsync("/runs", content);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(field, problem.GetProperty("errors")[0].GetProperty("field").GetString());
    }

    [Theory]
    [InlineData("""{"model": 5}""", "model", "a text in quotation marks", "\"model\": \"text\"")]
    [InlineData("""{"data": "pairs.tsv"}""", "data", "an object", """{"train": "pairs.tsv"}""")]
    [InlineData("""{"Data": {"testFraction": true}}""", "Data.testFraction", "a number", "0.5")]
    [InlineData("""{"training": {"steps": 1.5}}""", "training.steps", "a whole number", "\"steps\": 100")]
    [InlineData("""{"training": {"pack": 1}}""", "training.pack", "true or false", "\"pack\": true")]
    [InlineData("""{"tpu": {"zones": "us-west4-a"}}""", "tpu.zones", "a list", """["first", "second"]""")]
    [InlineData("""{"tpu": {"zones": [5]}}""", "tpu.zones[0]", "a list of texts", """["first", "second"]""")]
    [InlineData("[]", "$", "an object", "\"model\"")]
    [InlineData("""{"model": "\ud83d"}""", "model", "half of a surrogate pair", "both halves")]
    [InlineData("""{"data": {"train": "a", "Train": "b"}}""", "data.Train", "more than once", "Leave one")]
    public async Task Post_ValueOfAnotherKind_SaysWhichKindIsWanted(
        string json, string field, string message, string fix)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");

        using var answer = await service.Http.PostAsync("/runs", content);

        var (said, mend) = await ErrorAsync(answer, field);
        Assert.Contains(message, said, StringComparison.Ordinal);
        Assert.Contains(fix, mend, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", said, StringComparison.Ordinal);
        Assert.DoesNotContain("Request", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("id", "\"abc\\n\"", "abc")]
    [InlineData("name", "\"a\\nb\"", "line break")]
    [InlineData("model", "\"a\\u0000b\"", "code 0")]
    [InlineData("data.train", "\"a\\u0000b.tsv\"", "code 0")]
    [InlineData("data.train", "\"a.ko,\"", "'a.ko,' has a comma")]
    [InlineData("data.train", "\",\"", "',' has a comma")]
    [InlineData("data.train", "\"pairs.docx\"", "The ending of 'pairs.docx'")]
    [InlineData("data.test", "\"pairs.parquet.gz\"", "The ending of 'pairs.parquet.gz'")]
    [InlineData("data.testFraction", "1e400", "out of range")]
    [InlineData("tpu.zones", "[null]", "null is not a zone")]
    [InlineData("tpu.zones", "[\"us-west4-a\\n\"]", "is not a zone")]
    [InlineData("tpu.acceleratorTypes", "[null]", "null is not in the price catalog")]
    [InlineData("tpu.acceleratorTypes", "[\"bogus\"]", "'bogus' is not in the price catalog")]
    [InlineData("tpu.acquireTimeoutSeconds", "1e300", "out of range")]
    [InlineData("tpu.acquireTimeoutSeconds", "-5", "out of range")]
    [InlineData("tpu.runtimeVersion", "\"a\\nb\"", "line break")]
    [InlineData("training.lora.targets", "[null]", "is not a linear layer")]
    [InlineData("training.learningRate", "1e400", "out of range")]
    [InlineData("evaluation.seed", "-1", "out of range")]
    [InlineData("budgetUsd", "1e400", "out of range")]
    [InlineData("rehearsal.scenario", "\"a\\u0000b\"", "code 0")]
    public async Task Post_ValueThatCannotBe_NamesTheFieldAndStartsNothing(string field, string json, string message)
    {
        var request = service.Request();
        // Unknown endings are told of files that are there.
        var value = JsonNode.Parse(json);
        if (value is JsonValue text && text.TryGetValue<string>(out var name)
                && name.StartsWith("pairs.", StringComparison.Ordinal))
        {
            value = Path.Combine(service.Folder, name);
            File.Copy(Path.Combine(service.Folder, "pairs.tsv"), (string)value!, overwrite: true);
            message = message.Replace(name, (string)value!, StringComparison.Ordinal);
        }

        Put(request, field, value);
        var before = await service.Http.GetFromJsonAsync<JsonElement>("/runs");

        using var answer = await service.Http.PostAsJsonAsync("/runs", request);

        var (said, mend) = await ErrorAsync(answer, field);
        Assert.Contains(message, said, StringComparison.Ordinal);
        Assert.NotEmpty(mend);
        var after = await service.Http.GetFromJsonAsync<JsonElement>("/runs");
        Assert.Equal(before.GetArrayLength(), after.GetArrayLength());
    }

    [Fact]
    public async Task Post_SameIdempotencyKey_StartsOneRun()
    {
        var request = service.Request();
        var ids = new List<string>();
        for (var time = 0; time < 2; time++)
        {
            using var message = new HttpRequestMessage(HttpMethod.Post, "/runs");
            message.Content = JsonContent.Create(request);
            message.Headers.Add("Idempotency-Key", "one");
            using var answer = await service.Http.SendAsync(message);
            var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
            ids.Add(body.GetProperty("id").GetString()!);
            Assert.Equal(time == 1, body.GetProperty("wasThere").GetBoolean());
        }

        Assert.Single(ids.Distinct());
    }

    [Fact]
    public async Task Zones_RefusedAndForgotten_AreListedUntilThen()
    {
        var memory = service.Services.GetRequiredService<CapacityMemory>();
        var place = new Candidate("mars-north1-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 1);
        memory.Remember("p", place, new Refusal("QUOTA_EXHAUSTED", RefusalScope.Zone, 600, "no <b>quota</b>", "f"));
        memory.Remember(
            "p", place with { Zone = "mars-south1-a" }, new Refusal("C", RefusalScope.Region, 600, "r", "f"));

        var listed = await service.Http.GetFromJsonAsync<JsonElement>("/zones");
        Assert.Contains(
            ("mars-north1-a", "QUOTA_EXHAUSTED", "no <b>quota</b>"),
            listed.EnumerateArray().Select(each => (
                each.GetProperty("place").GetString(), each.GetProperty("code").GetString(),
                each.GetProperty("reason").GetString())));

        memory.RememberWait("p", place, 90);
        memory.RememberLoss("p", place, 3600);
        var seen = (await service.Http.GetFromJsonAsync<JsonElement>("/zones/seen")).EnumerateArray()
            .Single(each => each.GetProperty("place").GetString() == "mars-north1-a");
        Assert.Equal((1, 90, 3600), (
            seen.GetProperty("losses").GetInt32(), seen.GetProperty("waitSeconds").GetDouble(),
            seen.GetProperty("lifeSeconds").GetDouble()));

        using var wrong = await service.Http.DeleteAsync("/zones/mars-north1-a?mode=spott");
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        Assert.Contains("spot", await wrong.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var other = await service.Http.DeleteAsync("/zones/mars-north1-a?type=v6e-256");
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
        using var one = await service.Http.DeleteAsync("/zones/mars-north1-a");
        Assert.Equal("""{"forgotten":1}""", await one.Content.ReadAsStringAsync());
        using var again = await service.Http.DeleteAsync("/zones/mars-north1-a");
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
        var problem = await again.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("ZONE_NOT_REMEMBERED", problem.GetProperty("code").GetString());
        using var all = await service.Http.DeleteAsync("/zones");
        Assert.Equal(HttpStatusCode.OK, all.StatusCode);
        Assert.Empty((await service.Http.GetFromJsonAsync<JsonElement>("/zones")).EnumerateArray());
    }

    [Fact]
    public async Task Post_IdOfAnotherRequest_IsRefused()
    {
        var request = service.Request();
        request["id"] = "twice";
        await service.StartAsync(request);
        request["budgetUsd"] = 3;

        using var answer = await service.Http.PostAsJsonAsync("/runs", request);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("id", problem.GetProperty("errors")[0].GetProperty("field").GetString());
    }

    [Theory]
    [InlineData("GET", "/runs/nobody")]
    [InlineData("POST", "/runs/nobody/cancel")]
    [InlineData("GET", "/runs/nobody?timeout=600")]
    [InlineData("GET", "/runs/nobody?showHistory=true")]
    [InlineData("GET", "/runs/nobody/resources")]
    [InlineData("GET", "/runs/nobody/cost")]
    [InlineData("POST", "/runs/nobody/rewind")]
    [InlineData("POST", "/runs/nobody/rerun")]
    [InlineData("POST", "/runs/nobody/events/finish")]
    [InlineData("DELETE", "/runs/nobody")]
    [InlineData("GET", "/runs/nobody/attempts")]
    [InlineData("GET", "/runs/nobody/metrics")]
    [InlineData("GET", "/runs/nobody/report")]
    public async Task AnyCall_UnknownRun_Answers404WithACode(string method, string path)
    {
        using var message = new HttpRequestMessage(new HttpMethod(method), path);

        using var answer = await service.Http.SendAsync(message);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("RUN_UNKNOWN", problem.GetProperty("code").GetString());
    }

    /// <summary>A run that was just accepted has no line in the ledger yet, and may be looked at at once.</summary>
    [Theory]
    [InlineData("attempts", null)]
    [InlineData("metrics", null)]
    [InlineData("events", null)]
    [InlineData("resources", null)]
    [InlineData("logs", null)]
    [InlineData("report", "REPORT_NOT_READY")]
    [InlineData("report.html", "REPORT_NOT_READY")]
    public async Task Get_PartOfARunThatHasNotBegun_KnowsTheRun(string part, string? code)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var id = $"later-{part.Replace('.', '-')}";
        var client = service.Services.GetRequiredService<DurableTaskClient>();
        var spec = RunRequestReader.Complete(
            RunRequestReader.Parse(service.Request().ToJsonString()), new RunId(id), PriceCatalog.Load(null));
        await client.ScheduleNewOrchestrationInstanceAsync(
            nameof(FineTuneOrchestration), spec, new StartOrchestrationOptions(id, DateTimeOffset.UtcNow.AddDays(1)),
            cancellation);

        using var answer = await service.Http.GetAsync($"/runs/{id}/{part}", cancellation);

        var text = await answer.Content.ReadAsStringAsync(cancellation);
        Assert.Equal(code is null ? HttpStatusCode.OK : HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains(code ?? "[]", text, StringComparison.Ordinal);
    }

    /// <summary>The server leaves the escaped slash alone escaped, which nobody has typed.</summary>
    [Theory]
    [InlineData("/runs/..%2F..%2fetc/resources", "../../etc")]
    [InlineData("/runs/..%2Fetc", "../etc")]
    [InlineData("/runs/a%5C%EA%B0%80/cost", "a\\가")]
    public async Task AnyCall_UnknownRun_NamesItAsItWasTyped(string path, string typed)
    {
        using var answer = await service.Http.GetAsync(path, TestContext.Current.CancellationToken);

        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        Assert.Equal($"There is no run '{typed}'.", problem.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task Get_FinishedRun_Answers200AndItsPartsHaveContent()
    {
        var id = await service.StartAsync(service.Request());
        await service.ReportAsync(id);

        using var run = await service.Http.GetAsync($"/runs/{id}");
        var metrics = await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}/metrics");
        var attempts = await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}/attempts");
        var page = await service.Http.GetStringAsync($"/runs/{id}/report.html");
        var list = await service.Http.GetFromJsonAsync<JsonElement>("/runs");

        Assert.Equal(HttpStatusCode.OK, run.StatusCode);
        Assert.True(metrics.GetArrayLength() > 1);
        Assert.Equal(1, attempts.GetArrayLength());
        Assert.Contains("<svg", page, StringComparison.Ordinal);
        await AssertLanguageAsync("en", $"/runs/{id}/report.html", null);
        await AssertLanguageAsync("ko", $"/runs/{id}/report.html", "en;q=0.4, ko-KR, *;q=0.1");
        await AssertLanguageAsync("en", $"/runs/{id}/report.html?lang=en", "ko-KR");
        await AssertLanguageAsync("en", $"/runs/{id}/report.html", "fr");
        using var foreign = await service.Http.GetAsync($"/runs/{id}/report.html?lang=<b>");
        Assert.Equal(HttpStatusCode.BadRequest, foreign.StatusCode);
        Assert.Contains("\"field\":\"lang\"", await foreign.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await AssertLanguageAsync("ko", $"/runs/{id}/report.ko.html", "en");
        Assert.Contains(list.EnumerateArray(), each => each.GetProperty("id").GetString() == id);
    }

    private async Task AssertLanguageAsync(string expected, string path, string? accepted)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Accept-Language", accepted);
        using var answer = await service.Http.SendAsync(request);
        Assert.Contains(
            $"<html lang=\"{expected}\">", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static void Put(JsonObject request, string field, JsonNode? value)
    {
        var steps = field.Split('.');
        foreach (var step in steps[..^1])
        {
            request = (JsonObject)(request[step] ??= new JsonObject());
        }

        request[steps[^1]] = value;
    }

    /// <summary>What is said of a field; the answer must be a refusal that names it.</summary>
    private static async Task<(string Message, string Fix)> ErrorAsync(HttpResponseMessage answer, string field)
    {
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, body);
        using var problem = JsonDocument.Parse(body);
        var error = problem.RootElement.GetProperty("errors").EnumerateArray()
            .FirstOrDefault(each => each.GetProperty("field").GetString() == field);
        Assert.True(error.ValueKind == JsonValueKind.Object, body);
        return (error.GetProperty("message").GetString()!, error.GetProperty("fix").GetString()!);
    }
}
