using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Events;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>People approve, reject and finish runs over HTTP, in the emulated cloud.</summary>
public sealed class EventTests(RunningService service) : IClassFixture<RunningService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Approve_AfterARestartOfTheService_RentsTheFirstTpuThen()
    {
        var id = await service.StartAsync(Asking());
        var (early, problem) = await PostAsync($"/runs/{id}/events/approve");
        if (early == HttpStatusCode.Conflict)
        {
            // Sent before the run has its estimate; otherwise it has asked in this moment.
            Assert.Equal("EVENT_NOT_AWAITED", CodeOf(problem));
            Assert.Contains("does not ask yet", DetailOf(problem), StringComparison.Ordinal);
            var asked = await WaitForQuestionAsync(id);
            Assert.True(asked.GetProperty("approval").GetProperty("estimatedUsd").GetDouble() > 0, $"{asked}");
            Assert.Equal(0, asked.GetProperty("attempts").GetInt32());
            await service.RestartAsync(_ => { });
            Assert.Equal("approve", (await ShowAsync(id)).GetProperty("stage").GetString());
            var (status, answer) = await PostAsync($"/runs/{id}/events/approve?reason=within+budget");
            Assert.Equal(HttpStatusCode.Accepted, status);
            Assert.Equal(("approved", false), (
                answer.GetProperty("status").GetString(), answer.GetProperty("wasThere").GetBoolean()));
        }

        var (again, repeated) = await PostAsync($"/runs/{id}/events/approve");
        Assert.Equal((HttpStatusCode.Accepted, true), (again, repeated.GetProperty("wasThere").GetBoolean()));
        (again, problem) = await PostAsync($"/runs/{id}/events/reject");
        Assert.Equal((HttpStatusCode.Conflict, "ALREADY_DECIDED"), (again, CodeOf(problem)));

        var report = await service.ReportAsync(id);

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.Equal(
            ["asked", "approved"],
            report.GetProperty("people").EnumerateArray().Select(row => row.GetProperty("event").GetString()));
        var stages = report.GetProperty("stages").EnumerateArray()
            .Select(row => row.GetProperty("stage").GetString()).ToList();
        Assert.Equal(stages.IndexOf("train"), stages.IndexOf("approve") + 1);
        var kinds = await KindsAsync(id);
        Assert.True(kinds.IndexOf("approval-decided") < kinds.IndexOf("intent"), string.Join(' ', kinds));

        // It planned anew in between, with the prices and the capacity of that moment.
        Assert.InRange(kinds.LastIndexOf("plan"), kinds.IndexOf("approval-decided"), kinds.IndexOf("intent"));
        (again, problem) = await PostAsync($"/runs/{id}/events/approve");
        Assert.Equal((HttpStatusCode.Gone, "RUN_ENDED"), (again, CodeOf(problem)));
    }

    /// <summary>The service stops between the record and the event, and nobody asks again.</summary>
    [Fact]
    public async Task Approve_RecordedBeforeACrash_IsCarriedOutAfterTheRestart()
    {
        var id = await service.StartAsync(Asking());
        await WaitForQuestionAsync(id);
        RunEventFacts.Decide(
            service.Services.GetRequiredService<RunLedger>(), new RunId(id),
            new ApprovalDecision(ApprovalOutcome.Approved, "kim", "within budget"));

        await service.RestartAsync(_ => { });

        Assert.Equal("succeeded", (await service.ReportAsync(id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Reject_EndsTheRunWithNothingRentedAndAResumptionAsksAgain()
    {
        var id = await service.StartAsync(Asking());
        await WaitForQuestionAsync(id);
        var (status, answer) = await PostAsync($"/runs/{id}/events/reject", """{"reason": "한 번 더 확인 <b>"}""");
        Assert.Equal((HttpStatusCode.Accepted, "rejected"), (status, answer.GetProperty("status").GetString()));

        var report = await service.ReportAsync(id);

        Assert.Equal("APPROVAL_REJECTED", report.GetProperty("failure").GetProperty("code").GetString());
        Assert.Contains(
            "한 번 더 확인 <b>", report.GetProperty("failure").GetProperty("message").GetString(),
            StringComparison.Ordinal);
        Assert.Equal(0, report.GetProperty("attempts").GetArrayLength());
        Assert.Equal(0, report.GetProperty("cost").GetProperty("actual").GetDouble());
        var page = await service.Http.GetStringAsync($"/runs/{id}/report.html?lang=ko", Cancellation);
        Assert.Contains("한 번 더 확인 &lt;b&gt;", page, StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}/resume", "{}")).Status);
        await WaitForQuestionAsync(id);
        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}/events/approve")).Status);
        report = await service.ReportAsync(id);
        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.Equal(
            ["asked", "rejected", "asked", "approved"],
            report.GetProperty("people").EnumerateArray().Select(row => row.GetProperty("event").GetString()));
    }

    [Fact]
    public async Task Wait_ThatIsOver_EndsTheRunAndAResumptionWithMoreHoursAsksAgain()
    {
        // The shortest wait: 3.6 seconds.
        var id = await service.StartAsync(Asking(0.001));

        var report = await service.ReportAsync(id);

        Assert.Equal("APPROVAL_EXPIRED", report.GetProperty("failure").GetProperty("code").GetString());
        Assert.Equal(0, report.GetProperty("attempts").GetArrayLength());
        Assert.Equal(
            HttpStatusCode.Accepted,
            (await PostAsync($"/runs/{id}/resume", """{"approval": {"withinHours": 5}}""")).Status);
        await WaitForQuestionAsync(id);
        var (status, _) = await PostAsync($"/runs/{id}/cancel?reason=enough");
        Assert.Equal(HttpStatusCode.Accepted, status);
        Assert.Equal("cancelled", (await service.ReportAsync(id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Suspend_WhileWaiting_KeepsTheQuestionAndTheAnswer()
    {
        var id = await service.StartAsync(Asking());
        await WaitForQuestionAsync(id);
        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}/suspend?reason=holidays")).Status);
        var held = await service.WaitAsync(id, run => run.GetProperty("status").GetString() == "suspended");
        Assert.Equal(JsonValueKind.Object, held.GetProperty("approval").ValueKind);

        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}/events/approve")).Status);
        Assert.Equal("suspended", (await ShowAsync(id)).GetProperty("status").GetString());
        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}/unsuspend")).Status);

        Assert.Equal("succeeded", (await service.ReportAsync(id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Approve_AfterTheTimeOfASuspendedRun_IsRefusedAndTheRunEnds()
    {
        var id = await service.StartAsync(Asking(0.004));
        await WaitForQuestionAsync(id);
        await PostAsync($"/runs/{id}/suspend?reason=holidays");
        var held = await service.WaitAsync(id, run => run.GetProperty("status").GetString() == "suspended");
        var until = held.GetProperty("approval").GetProperty("until").GetDateTimeOffset();
        await service.WaitAsync(id, _ => TimeProvider.System.GetUtcNow() > until);

        var (status, problem) = await PostAsync($"/runs/{id}/events/approve");

        Assert.Equal((HttpStatusCode.Conflict, "EVENT_NOT_AWAITED"), (status, CodeOf(problem)));
        Assert.Contains("approval.withinHours", DetailOf(problem), StringComparison.Ordinal);
        await PostAsync($"/runs/{id}/unsuspend");
        var report = await service.ReportAsync(id);
        Assert.Equal("APPROVAL_EXPIRED", report.GetProperty("failure").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Estimate_ThatIsNotAbove_AsksNobody()
    {
        var request = service.Request();
        request["approval"] = new JsonObject { ["aboveUsd"] = 1000 };
        var id = await service.StartAsync(request);

        var report = await service.ReportAsync(id);

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.DoesNotContain("approval-asked", await KindsAsync(id));
    }

    [Fact]
    public async Task Finish_WhileTraining_EvaluatesTheModelOfTheNewestStep()
    {
        var id = await service.StartAsync(service.Request(steps: 100_000));
        var (status, problem) = await PostAsync($"/runs/{id}/events/finish");
        Assert.Equal((HttpStatusCode.Conflict, "EVENT_NOT_AWAITED"), (status, CodeOf(problem)));
        var training = await service.WaitAsync(id, run => run.TryGetProperty("progress", out var progress)
            && progress.ValueKind == JsonValueKind.Object && progress.GetProperty("step").GetInt32() >= 3);
        var least = training.GetProperty("progress").GetProperty("step").GetInt32();

        (status, var answer) = await PostAsync($"/runs/{id}/events/finish?reason=the+loss+is+flat");
        Assert.Equal((HttpStatusCode.Accepted, "finishing"), (status, answer.GetProperty("status").GetString()));

        var report = await service.ReportAsync(id);
        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        var trained = report.GetProperty("training");
        Assert.True(trained.GetProperty("finishedEarly").GetBoolean(), $"{trained}");
        Assert.InRange(trained.GetProperty("steps").GetInt32(), least, 99_999);
        Assert.Equal(
            trained.GetProperty("steps").GetInt32(), trained.GetProperty("outputStep").GetInt32());
        var person = Assert.Single(report.GetProperty("people").EnumerateArray());
        Assert.Equal(("finish", "the loss is flat", 100_000), (
            person.GetProperty("event").GetString(), person.GetProperty("reason").GetString(),
            person.GetProperty("ofSteps").GetInt32()));
        Assert.InRange(person.GetProperty("step").GetInt32(), least, trained.GetProperty("steps").GetInt32());
        Assert.True(report.GetProperty("verdicts").GetArrayLength() > 0);
        Assert.Equal(1, report.GetProperty("attempts").GetArrayLength());
    }

    [Fact]
    public async Task Finish_OfALostNode_EndsAtTheStepThatWasAskedForOnTheNext()
    {
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(id, run => run.TryGetProperty("progress", out var progress)
            && progress.ValueKind == JsonValueKind.Object
            && progress.GetProperty("checkpointStep").GetInt32() >= 2);
        await PostAsync($"/runs/{id}/suspend");
        await service.WaitAsync(id, run => run.GetProperty("status").GetString() == "suspended");

        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}/events/finish")).Status);
        await PostAsync($"/runs/{id}/unsuspend");

        var report = await service.ReportAsync(id);
        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.True(report.GetProperty("training").GetProperty("finishedEarly").GetBoolean());
        Assert.Equal(2, report.GetProperty("attempts").GetArrayLength());
    }

    /// <summary>The worker is dead when the event comes, and nobody has noticed it yet.</summary>
    [Fact]
    public async Task Finish_WhileTheNodeIsLost_TrainsToThatStepOnTheNext()
    {
        Skipped.Unless(Directory.Exists("/proc/self"), "Finding the worker's process needs /proc.");
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(id, run => run.TryGetProperty("progress", out var progress)
            && progress.ValueKind == JsonValueKind.Object && progress.GetProperty("step").GetInt32() >= 3);

        service.KillWorkerOf(id);
        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}/events/finish")).Status);

        var report = await service.ReportAsync(id);
        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.True(report.GetProperty("training").GetProperty("finishedEarly").GetBoolean());
        var step = Assert.Single(report.GetProperty("people").EnumerateArray()).GetProperty("step").GetInt32();
        Assert.InRange(report.GetProperty("training").GetProperty("steps").GetInt32(), step, 99_999);
        Assert.Single(report.GetProperty("recoveries").EnumerateArray());
    }

    /// <summary>Both are sent at once: one counts, and the other person is told which.</summary>
    [Fact]
    public async Task ApproveAndReject_AtOnce_AreOneAnswerAndOneRefusal()
    {
        var id = await service.StartAsync(Asking());
        await WaitForQuestionAsync(id);

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(
            each => PostAsync($"/runs/{id}/events/{(each % 2 == 0 ? "approve" : "reject")}")));

        var report = await service.ReportAsync(id);
        var counts = report.GetProperty("people")[1].GetProperty("event").GetString();
        Assert.Equal(
            counts == "approved" ? "succeeded" : "failed", report.GetProperty("status").GetString());
        for (var each = 0; each < answers.Length; each++)
        {
            var isTheOne = (each % 2 == 0) == (counts == "approved");
            Assert.Equal(
                isTheOne ? HttpStatusCode.Accepted : HttpStatusCode.Conflict, answers[each].Status);
            Assert.True(isTheOne || CodeOf(answers[each].Body) == "ALREADY_DECIDED", $"{answers[each].Body}");
        }

        Assert.Single(await KindsAsync(id), "approval-decided");
    }

    [Fact]
    public async Task Group_IsApprovedAsAWholeAndItsVariantsAreFinishedOneByOne()
    {
        var request = Asking();
        request["training"]!["steps"] = 100_000;
        request["allowOverBudget"] = true;
        request["variants"] = new JsonArray(
            new JsonObject { ["name"] = "a", ["training"] = new JsonObject { ["learningRate"] = 0.001 } });
        var id = await service.StartAsync(request);
        var asked = await WaitForQuestionAsync(id);
        Assert.True(asked.GetProperty("approval").GetProperty("estimatedUsd").GetDouble() > 0);
        Assert.Equal("pending", asked.GetProperty("variants")[0].GetProperty("status").GetString());
        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}/events/approve")).Status);
        await service.WaitAsync(id, run => run.GetProperty("variants")[0].GetProperty("step") is
        { ValueKind: JsonValueKind.Number } step && step.GetInt32() > 2);

        var (status, problem) = await PostAsync($"/runs/{id}/events/finish");
        Assert.Equal((HttpStatusCode.Conflict, "EVENT_NOT_AWAITED"), (status, CodeOf(problem)));
        Assert.Contains($"{id}-a", DetailOf(problem), StringComparison.Ordinal);
        (status, problem) = await PostAsync($"/runs/{id}-a/events/approve");
        Assert.Equal((HttpStatusCode.Conflict, "EVENT_NOT_AWAITED"), (status, CodeOf(problem)));
        Assert.Contains($"'{id}'", DetailOf(problem), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}-a/events/finish")).Status);

        await service.WaitAsync(id, run => run.GetProperty("hasEnded").GetBoolean());
        Assert.Equal("succeeded", (await ShowAsync(id)).GetProperty("status").GetString());
        Assert.Equal("succeeded", (await ShowAsync($"{id}-a")).GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("aprove", "", HttpStatusCode.NotFound, "EVENT_UNKNOWN", "Did you mean 'approve'?")]
    [InlineData("suspend", "", HttpStatusCode.NotFound, "EVENT_UNKNOWN", "approve, reject, finish")]
    [InlineData("approve", "", HttpStatusCode.Conflict, "EVENT_NOT_AWAITED", "asks for no approval")]
    [InlineData("reject", "", HttpStatusCode.Conflict, "EVENT_NOT_AWAITED", "asks for no approval")]
    [InlineData("approve", "nonsense", HttpStatusCode.BadRequest, "REQUEST_INVALID", "reason")]
    [InlineData("approve", "[]", HttpStatusCode.BadRequest, "REQUEST_INVALID", "reason")]
    [InlineData("approve", """{"reason": 5}""", HttpStatusCode.BadRequest, "REQUEST_INVALID", "reason")]
    [InlineData("approve", """{"raison": "x"}""", HttpStatusCode.BadRequest, "REQUEST_INVALID", "reason")]
    public async Task Send_WrongEvent_IsRefusedWithWords(
        string name, string body, HttpStatusCode expected, string code, string words)
    {
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(id, run => run.GetProperty("stage").GetString() is not ("pending" or "plan"));

        var (status, problem) = await PostAsync($"/runs/{id}/events/{name}", body.Length > 0 ? body : null);

        Assert.Equal((expected, code), (status, CodeOf(problem)));
        var text = $"{problem}".Replace("\\u0027", "'", StringComparison.Ordinal);
        Assert.Contains(words, text, StringComparison.Ordinal);
        Assert.DoesNotContain("approval-decided", await KindsAsync(id));
        await PostAsync($"/runs/{id}/cancel");
        await service.ReportAsync(id);
    }

    [Fact]
    public async Task Send_HugeOrDoubleReason_NamesTheField()
    {
        foreach (var (path, body) in new[]
        {
            ($"?reason={new string('x', 501)}", null), ("", $$"""{"reason": "{{new string('x', 501)}}"}"""),
            ("?reason=one", """{"reason": "other"}"""),
        })
        {
            var (status, problem) = await PostAsync($"/runs/run-nobody/events/finish{path}", body);
            Assert.Equal(HttpStatusCode.BadRequest, status);
            Assert.Equal("reason", problem.GetProperty("errors")[0].GetProperty("field").GetString());
        }

        var (large, refusal) = await PostAsync("/runs/run-nobody/events/finish", new string(' ', 20_000));
        Assert.Equal(HttpStatusCode.BadRequest, large);
        Assert.Equal("$", refusal.GetProperty("errors")[0].GetProperty("field").GetString());
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync("/runs/run-nobody/events/finish")).Status);
    }

    [Theory]
    [InlineData("""{"withinHours": 0}""", "approval.withinHours")]
    [InlineData("""{"withinHours": 1000}""", "approval.withinHours")]
    [InlineData("""{"aboveUsd": -1}""", "approval.aboveUsd")]
    [InlineData("""{"within": 1}""", "approval.within")]
    public async Task Start_WithAWrongApproval_NamesTheField(string approval, string field)
    {
        var request = service.Request();
        request["approval"] = JsonNode.Parse(approval);

        var (status, problem) = await PostAsync("/runs", request.ToJsonString());

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(field, problem.GetProperty("errors")[0].GetProperty("field").GetString());
    }

    private JsonObject Asking(double hours = 2)
    {
        var request = service.Request();
        request["approval"] = new JsonObject { ["withinHours"] = hours };
        return request;
    }

    private Task<JsonElement> WaitForQuestionAsync(string id) => service.WaitAsync(
        id, run => run.TryGetProperty("approval", out var asked) && asked.ValueKind == JsonValueKind.Object);

    private async Task<JsonElement> ShowAsync(string id) =>
        await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}", Cancellation);

    private async Task<List<string>> KindsAsync(string id) =>
        [.. (await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}/events", Cancellation)).EnumerateArray()
            .Select(entry => entry.GetProperty("kind").GetString()!)];

    private async Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string path, string? json = null)
    {
        using var content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await service.Http.PostAsync(path, content, Cancellation);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation));
    }

    private static string? CodeOf(JsonElement problem) => problem.GetProperty("code").GetString();

    private static string DetailOf(JsonElement problem) => problem.GetProperty("detail").GetString()!;
}
