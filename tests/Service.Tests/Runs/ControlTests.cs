using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>Runs that are suspended, run again and purged over HTTP, in the emulated cloud.</summary>
public sealed class ControlTests(RunningService service) : IClassFixture<RunningService>
{
    private const string Refusing = """{"apiDisabled": true}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Suspend_WhileTraining_CostsNothingUntilItContinuesFromTheCheckpoint()
    {
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(id, run => run.TryGetProperty("progress", out var progress)
            && progress.ValueKind == JsonValueKind.Object
            && progress.GetProperty("checkpointStep").GetInt32() >= 2);
        var working = await ShowAsync(id);
        Assert.True(working.GetProperty("usdPerHour").GetDouble() > 0, $"{working}");

        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}/suspend?reason=dear+hours")).Status);
        var held = await service.WaitAsync(id, run => run.GetProperty("status").GetString() == "suspended");

        Assert.Equal(0, held.GetProperty("nodes").GetArrayLength());
        Assert.Equal(0, held.GetProperty("usdPerHour").GetDouble());
        Assert.Equal("train", held.GetProperty("stage").GetString());
        var suspension = held.GetProperty("suspension");
        Assert.Equal(
            ("dear hours", true),
            (suspension.GetProperty("reason").GetString(), suspension.GetProperty("isHeld").GetBoolean()));
        var spent = held.GetProperty("accruedUsd").GetDouble();

        var cost = await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}/cost", Cancellation);
        Assert.Equal(
            (spent, 0), (cost.GetProperty("actualUsd").GetDouble(), cost.GetProperty("usdPerHour").GetDouble()));
        foreach (var parts in new[] { "byStage", "byDay" })
        {
            Assert.Equal(spent, cost.GetProperty(parts).EnumerateObject().Sum(part => part.Value.GetDouble()), 9);
        }

        // The worker has read its model and pairs from the bucket; a rehearsal's bucket has no price.
        var egress = cost.GetProperty("egress");
        Assert.True(egress.GetProperty("bytesRead").GetInt64() > 0, $"{egress}");
        Assert.Equal(
            (0, "computed"), (egress.GetProperty("usd").GetDouble(), egress.GetProperty("source").GetString()));

        // Asked again, and kept over a restart.
        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}/suspend?reason=dear+hours")).Status);
        await service.RestartAsync(_ => { });
        var after = await ShowAsync(id);
        Assert.Equal(("suspended", spent), (
            after.GetProperty("status").GetString(), after.GetProperty("accruedUsd").GetDouble()));
        Assert.Contains(id, await IdsAsync("/runs?status=suspended"));
        var (status, changed) = await PostAsync($"/runs/{id}/resume", """{"budgetUsd": 9}""");
        Assert.Equal((HttpStatusCode.Conflict, "RUN_UNDER_WAY"), (status, CodeOf(changed)));
        Assert.Contains("is suspended", changed.GetProperty("detail").GetString(), StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}/unsuspend")).Status);
        await service.FinishAsync(id, beyond: RunningService.StepOf(working));
        var report = await service.ReportAsync(id);

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.Equal(2, report.GetProperty("attempts").GetArrayLength());
        var events = await EventsAsync(id);
        Assert.True(events.Single(entry => entry.GetProperty("kind").GetString() == "job-ended"
                && entry.GetProperty("data").TryGetProperty("train", out var train)
                && train.ValueKind == JsonValueKind.Object)
            .GetProperty("data").GetProperty("train").GetProperty("resumedFromStep").GetInt32() >= 2);
        Assert.Equal(
            ["suspended", "unsuspended"],
            events.Select(entry => entry.GetProperty("kind").GetString()!)
                .Where(kind => kind.EndsWith("suspended", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Resume_OfASuspendedRun_ContinuesItsPartAndCancelEndsIt()
    {
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(id, run => run.GetProperty("nodes").GetArrayLength() > 0);
        await PostAsync($"/runs/{id}/suspend");
        await service.WaitAsync(id, run => run.GetProperty("status").GetString() == "suspended");

        var (status, resumed) = await PostAsync($"/runs/{id}/resume", "{}");
        Assert.Equal((HttpStatusCode.Accepted, 1), (status, resumed.GetProperty("part").GetInt32()));
        await service.WaitAsync(id, run => run.GetProperty("status").GetString() == "running"
            && run.GetProperty("nodes").GetArrayLength() > 0);
        await PostAsync($"/runs/{id}/suspend");
        await service.WaitAsync(id, run => run.GetProperty("status").GetString() == "suspended");
        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync($"/runs/{id}/terminate?reason=enough")).Status);

        var report = await service.ReportAsync(id);
        Assert.Equal("cancelled", report.GetProperty("status").GetString());
        Assert.All(report.GetProperty("teardown").EnumerateArray(),
            row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean()));
    }

    [Theory]
    [InlineData("suspend")]
    [InlineData("unsuspend")]
    [InlineData("terminate")]
    [InlineData("cancel")]
    [InlineData("events/finish")]
    public async Task Control_OfAnEndedOrUnknownRun_Answers410Or404(string verb)
    {
        var id = await EndedAsync();

        var (ended, problem) = await PostAsync($"/runs/{id}/{verb}");
        Assert.Equal((HttpStatusCode.Gone, "RUN_ENDED"), (ended, CodeOf(problem)));
        (ended, problem) = await PostAsync($"/runs/run-nobody/{verb}");
        Assert.Equal((HttpStatusCode.NotFound, "RUN_UNKNOWN"), (ended, CodeOf(problem)));
    }

    [Fact]
    public async Task Suspend_OfARunThatIsTornDown_IsRefusedBecauseNothingMayHoldThatUp()
    {
        var id = await service.StartAsync(service.Request("""{"deleteSeconds": 6}""", steps: 100_000));
        await service.WaitAsync(id, run => run.GetProperty("nodes").GetArrayLength() > 0);
        await PostAsync($"/runs/{id}/cancel");
        await service.WaitAsync(id, run => run.GetProperty("stage").GetString() == "teardown");

        var (status, problem) = await PostAsync($"/runs/{id}/suspend");

        Assert.Equal((HttpStatusCode.Conflict, "RUN_ENDING"), (status, CodeOf(problem)));
        Assert.Equal("cancelled", (await service.ReportAsync(id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Suspend_WithAReasonThatIsTooLong_NamesTheField()
    {
        var (status, problem) = await PostAsync($"/runs/run-1/suspend?reason={new string('x', 501)}");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("reason", problem.GetProperty("errors")[0].GetProperty("field").GetString());
    }

    [Fact]
    public async Task Start_AnswersWithAddressesThatManageTheRun()
    {
        var (status, started) = await PostAsync("/runs", service.Request(Refusing).ToJsonString());
        Assert.Equal(HttpStatusCode.Accepted, status);
        var id = started.GetProperty("id").GetString()!;
        await service.ReportAsync(id);

        using (var shown = await service.Http.GetAsync(Address("statusQueryGetUri"), Cancellation))
        {
            Assert.Equal(HttpStatusCode.OK, shown.StatusCode);
        }

        foreach (var (name, expected) in new[]
        {
            ("suspendPostUri", HttpStatusCode.Gone), ("sendEventPostUri", HttpStatusCode.Gone),
            ("terminatePostUri", HttpStatusCode.Gone), ("resumePostUri", HttpStatusCode.Gone),
            ("rewindPostUri", HttpStatusCode.Accepted),
        })
        {
            using var answer = await service.Http.PostAsync(Address(name), null, Cancellation);
            Assert.Equal((name, expected), (name, answer.StatusCode));
        }

        await service.ReportAsync(id);
        using (var again = await service.Http.PostAsync(Address("restartPostUri"), null, Cancellation))
        {
            Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(10), again.Headers.RetryAfter?.Delta);
            Assert.NotEqual($"/runs/{id}", again.Headers.Location?.ToString());
        }

        using var purged = await service.Http.DeleteAsync(Address("purgeHistoryDeleteUri"), Cancellation);
        Assert.Equal(HttpStatusCode.OK, purged.StatusCode);

        Uri Address(string name) => new(
            started.GetProperty(name).GetString()!.Replace("{eventName}", "finish", StringComparison.Ordinal),
            UriKind.Absolute);
    }

    [Fact]
    public async Task Rerun_WithChanges_IsAnotherRunOfTheSameRequest()
    {
        var request = service.Request();
        request["name"] = "again and again";
        var first = await service.StartAsync(request);
        await service.ReportAsync(first);

        var (status, made) = await PostAsync(
            $"/runs/{first}/rerun?reason={Uri.EscapeDataString("한 번 더 <b>")}", """{"training": {"steps": 4}}""",
            "rerun-key");
        Assert.Equal(HttpStatusCode.Accepted, status);
        var second = made.GetProperty("id").GetString()!;
        Assert.NotEqual(first, second);
        var report = await service.ReportAsync(second);

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.Equal(4, report.GetProperty("training").GetProperty("steps").GetInt32());
        Assert.Equal("again and again", (await ShowAsync(second)).GetProperty("name").GetString());
        Assert.Equal("한 번 더 <b>", (await ShowAsync(second)).GetProperty("origin").GetProperty("reason").GetString());
        (_, made) = await PostAsync($"/runs/{first}/rerun", """{"training": {"steps": 4}}""", "rerun-key");
        Assert.Equal(
            (second, true), (made.GetProperty("id").GetString(), made.GetProperty("wasThere").GetBoolean()));
    }

    /// <summary>A reason is part of records, so it has a limit; a refused action has no effect.</summary>
    [Theory]
    [InlineData("POST", "/cancel")]
    [InlineData("POST", "/suspend")]
    [InlineData("POST", "/resume")]
    [InlineData("POST", "/rerun")]
    [InlineData("DELETE", "")]
    public async Task Reason_ThatIsTooLong_IsRefusedAndChangesNothing(string method, string verb)
    {
        var id = await EndedAsync();
        using var request = new HttpRequestMessage(
            new HttpMethod(method), $"/runs/{id}{verb}?reason={new string('a', 501)}");
        using var answer = await service.Http.SendAsync(request, Cancellation);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("reason", problem.GetProperty("errors")[0].GetProperty("field").GetString());
        Assert.Equal(id, (await ShowAsync(id)).GetProperty("id").GetString());
    }

    [Theory]
    [InlineData("""{"colour": 1}""", "colour")]
    [InlineData("""{"training": {"steps": -1}}""", "training.steps")]
    [InlineData("""{"tpu": null}""", "tpu.acceleratorTypes")]
    [InlineData("[]", "$")]
    [InlineData("""{"id": "Not An Id"}""", "id")]
    public async Task Rerun_WithWrongChanges_NamesTheFieldAndStartsNothing(string changes, string field)
    {
        var id = await EndedAsync();
        var before = await IdsAsync("/runs?limit=500");

        var (status, problem) = await PostAsync($"/runs/{id}/rerun", changes);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(
            field,
            problem.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("field").GetString()));
        Assert.Equal(before, await IdsAsync("/runs?limit=500"));
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync("/runs/run-nobody/rerun", "{}")).Status);
    }

    [Fact]
    public async Task Purge_OfAnEndedRun_DeletesItAndItsKeyAndNothingElse()
    {
        var other = await EndedAsync();
        var request = service.Request(Refusing).ToJsonString();
        var (_, started) = await PostAsync("/runs", request, "purged-key");
        var id = started.GetProperty("id").GetString()!;
        await service.ReportAsync(id);

        var (status, purged) = await DeleteAsync($"/runs/{id}");

        Assert.Equal((HttpStatusCode.OK, id), (status, purged.GetProperty("id").GetString()));
        Assert.True(purged.GetProperty("instancesDeleted").GetInt32() >= 3, $"{purged}");
        var folder = Assert.Single(purged.GetProperty("deleted").EnumerateArray()).GetString()!;
        Assert.EndsWith(Path.Combine("runs", id), folder, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder));
        foreach (var path in new[] { "", "/events", "/report", "/metrics", "/attempts" })
        {
            using var gone = await service.Http.GetAsync($"/runs/{id}{path}", Cancellation);
            Assert.Equal((path, HttpStatusCode.NotFound), (path, gone.StatusCode));
        }

        Assert.Equal(HttpStatusCode.NotFound, (await DeleteAsync($"/runs/{id}")).Status);
        var ids = await IdsAsync("/runs?limit=500");
        Assert.DoesNotContain(id, ids);
        Assert.Contains(other, ids);
        Assert.Equal(HttpStatusCode.OK, (await DeleteAsync($"/runs/{id}?artifacts=true")).Status);
        (_, started) = await PostAsync("/runs", request, "purged-key");
        Assert.False(started.GetProperty("wasThere").GetBoolean());
    }

    [Fact]
    public async Task Purge_WithoutItsArtifacts_KeepsTheIdUntilTheyAreDeletedToo()
    {
        var request = service.Request();
        request["id"] = "kept-artifacts";
        var id = await service.StartAsync(request);
        await service.ReportAsync(id);

        var (_, purged) = await DeleteAsync($"/runs/{id}");
        Assert.Equal(
            $"gs://rehearsal-{id}-artifacts/runs/{id}",
            Assert.Single(purged.GetProperty("kept").EnumerateArray()).GetString());

        // A run of this id would continue from the checkpoints of the purged one.
        var (status, refused) = await PostAsync("/runs", request.ToJsonString());
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("id", refused.GetProperty("errors")[0].GetProperty("field").GetString());

        (status, purged) = await DeleteAsync($"/runs/{id}?artifacts=true");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains(
            purged.GetProperty("deleted").EnumerateArray(),
            each => each.GetString()!.Contains("/checkpoints/", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.NotFound, (await DeleteAsync($"/runs/{id}?artifacts=true")).Status);
        Assert.Equal(id, await service.StartAsync(request));
        var report = await service.ReportAsync(id);
        Assert.Equal(0, (await EventsAsync(id)).Single(entry => entry.GetProperty("kind").GetString() == "job-ended"
                && entry.GetProperty("data").TryGetProperty("train", out var train)
                && train.ValueKind == JsonValueKind.Object)
            .GetProperty("data").GetProperty("train").GetProperty("resumedFromStep").GetInt32());
        Assert.Equal("succeeded", report.GetProperty("status").GetString());
    }

    [Fact]
    public async Task Purge_OfARunUnderWayOrWithANodeThatMayExist_IsRefusedAndDeletesNothing()
    {
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(id, run => run.GetProperty("nodes").GetArrayLength() > 0);
        var (status, problem) = await DeleteAsync($"/runs/{id}?artifacts=true");
        Assert.Equal((HttpStatusCode.Conflict, "RUN_UNDER_WAY"), (status, CodeOf(problem)));
        await PostAsync($"/runs/{id}/cancel");
        await service.ReportAsync(id);

        var name = NodeName.Of($"rehearsal-{id}", "us-west4-a", "forgotten");
        service.Services.GetRequiredService<RunLedger>().Append(
            new RunId(id), LedgerKinds.Intent, $"{name}", new TpuLease(
                name, new Candidate("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v2", 8, 1), 9));
        var before = await EventsAsync(id);
        (status, problem) = await DeleteAsync($"/runs/{id}?artifacts=true");

        Assert.Equal((HttpStatusCode.Conflict, "RUN_MAY_COST"), (status, CodeOf(problem)));
        Assert.Contains("forgotten", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(before.Count, (await EventsAsync(id)).Count);
        Assert.Equal(HttpStatusCode.BadRequest, (await DeleteAsync($"/runs/{id}?artifacts=yes")).Status);
    }

    [Fact]
    public async Task Start_WithAnIdWhosePurgeWasInterrupted_IsRefusedUntilTheRestIsPurged()
    {
        var request = service.Request(Refusing);
        request["id"] = "left-over";
        service.Services.GetRequiredService<RunLedger>().Append(
            new RunId("left-over"), LedgerKinds.End, "end", new { status = "failed" });

        var (status, problem) = await PostAsync("/runs", request.ToJsonString(), "left-over-key");
        Assert.Equal((HttpStatusCode.Conflict, "RUN_LEFT_OVER"), (status, CodeOf(problem)));
        Assert.Contains(
            "DELETE /runs/left-over",
            problem.GetProperty("errors")[0].GetProperty("fix").GetString(), StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.OK, (await DeleteAsync("/runs/left-over")).Status);
        (status, _) = await PostAsync("/runs", request.ToJsonString(), "left-over-key");
        Assert.Equal(HttpStatusCode.Accepted, status);
        await service.ReportAsync("left-over");
    }

    /// <summary>A run that ends at once, because the emulated API is disabled.</summary>
    private async Task<string> EndedAsync()
    {
        var id = await service.StartAsync(service.Request(Refusing));
        await service.ReportAsync(id);
        return id;
    }

    private async Task<JsonElement> ShowAsync(string id) =>
        await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}", Cancellation);

    private async Task<List<JsonElement>> EventsAsync(string id) =>
        [.. (await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}/events", Cancellation)).EnumerateArray()];

    private async Task<List<string>> IdsAsync(string path) =>
        [.. (await service.Http.GetFromJsonAsync<JsonElement>(path, Cancellation)).EnumerateArray()
            .Select(run => run.GetProperty("id").GetString()!)];

    private Task<(HttpStatusCode Status, JsonElement Body)> DeleteAsync(string path) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Delete, path));

    private Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(
        string path, string? json = null, string? key = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"),
        };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return SendAsync(request);
    }

    private async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(HttpRequestMessage request)
    {
        using (request)
        {
            using var answer = await service.Http.SendAsync(request, Cancellation);
            return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation));
        }
    }

    private static string? CodeOf(JsonElement problem) => problem.GetProperty("code").GetString();
}
