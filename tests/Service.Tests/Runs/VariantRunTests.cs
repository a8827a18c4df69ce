using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Reporting;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>Whole groups of variants against the emulated cloud, with a model that trains in a second.</summary>
public sealed class VariantRunTests(RunningService service) : IClassFixture<RunningService>
{
    [Fact]
    public async Task Group_OfTwoVariants_ComparesThemAndNamesTheBestByTheValidation()
    {
        var request = Group("pair", Variant("slow", 1e-6), Variant("fast", 0.01));
        request["concurrency"] = 2;

        var report = await service.ReportAsync(await service.StartAsync(request));

        var comparison = report.Deserialize<VariantComparison>(RunLedger.Json)!;
        Assert.Equal((RunStatus.Succeeded, false), (comparison.Status, comparison.IsDraft));
        var best = Assert.Single(comparison.Best);
        Assert.Equal(
            comparison.Variants.MinBy(row => row.Score)!.Name, best.Variant);
        Assert.Equal([best.Variant], comparison.Variants.Where(row => row.IsBest).Select(row => row.Name));
        Assert.Equal("0.01", comparison.Variants[1].Changes["training.learningRate"]);
        Assert.All(comparison.Variants, row =>
        {
            Assert.Equal((RunStatus.Succeeded, "loss", 0), (row.Status, row.Metric, row.NodesLeft));
            Assert.Equal(6, row.Steps);
            Assert.Single(row.Test);
        });
        Assert.Equal(comparison.ActualUsd, comparison.Variants.Sum(row => row.Usd), 9);

        // Both were tested and validated on the very files that the group prepared once.
        var ledger = service.Services.GetRequiredService<RunLedger>();
        var data = new[] { "pair", "pair-slow", "pair-fast" }.Select(
            id => Assert.Single(ledger.Read<PreparedData>(new RunId(id), LedgerKinds.Data)).Data).ToList();
        Assert.All(data, each => Assert.Equal(
            (data[0].TestUri, data[0].ValidationUri, data[0].TrainUri),
            (each.TestUri, each.ValidationUri, each.TrainUri)));
        Assert.Null(data[0].ModelUri);
        Assert.Equal(2, data.Skip(1).Select(each => each.ArtifactsUri).Distinct().Count());

        using var page = await service.Http.GetAsync("/runs/pair/report.html");
        Assert.Contains("default-src 'none'", page.Headers.GetValues("Content-Security-Policy").Single(),
            StringComparison.Ordinal);
        var html = await page.Content.ReadAsStringAsync();
        Assert.Contains("../pair-fast/report.html", html, StringComparison.Ordinal);
        Assert.Contains(ComparisonWording.Rule, html, StringComparison.Ordinal);
        var own = await service.Http.GetFromJsonAsync<JsonElement>("/runs/pair-fast/report");
        Assert.Equal("succeeded", own.GetProperty("status").GetString());

        await ShowsTheGroupAsync();
        await PurgesAsAWholeAsync();
    }

    /// <summary>The worker of the real protocol trains both variants, one after the other, on the one node.</summary>
    [Fact]
    public async Task Group_OneAtATime_PassesTheNodeOnAndBillsEachSecondOnce()
    {
        var request = Group("relay", Variant("a", 0.01), Variant("b", 0.001), Variant("c", 0.002));

        var comparison = (await service.ReportAsync(await service.StartAsync(request)))
            .Deserialize<VariantComparison>(RunLedger.Json)!;

        Assert.Equal((RunStatus.Succeeded, null), (comparison.Status, comparison.Failure));
        Assert.Equal(
            [null, "relay-a", "relay-b"], comparison.Variants.Select(row => row.NodeFrom?.Value));
        Assert.Contains(comparison.Notes, note => note.StartsWith(
            "2 variants got the node of another one: 2 boots saved", StringComparison.Ordinal));
        Assert.All(comparison.Variants, row => Assert.Equal(0, row.NodesLeft));

        // One node for all: the giver's time ends at the very moment at which the taker's begins.
        var ledger = service.Services.GetRequiredService<RunLedger>();
        var ids = comparison.Variants.Select(row => row.RunId).ToList();
        var node = Assert.Single(ids.SelectMany(id => ledger.Read<TpuLease>(id, LedgerKinds.Intent))
            .Select(fact => fact.Data).DistinctBy(lease => lease.NodeName));
        var ready = ledger.Read<NodeMoment>(ids[0], LedgerKinds.Ready).Single().At;
        var gone = ledger.Read<NodeMoment>(ids[2], LedgerKinds.Released).Single().At;
        Assert.Equal(
            (gone - ready).TotalHours * node.Candidate.UsdPerHour, comparison.Variants.Sum(row => row.Usd), 9);
        Assert.All(comparison.Variants, row => Assert.True(row.Usd > 0, row.Name));
        Assert.Equal(
            comparison.ActualUsd,
            RunCosts.ByDay(ledger, new RunId("relay"), DateTimeOffset.MaxValue).Values.Sum(), 9);

        // The proof is the last owner's; the others say where the node went.
        var reports = new List<RunReport>();
        foreach (var id in ids)
        {
            reports.Add((await service.Http.GetFromJsonAsync<RunReport>($"/runs/{id}/report", RunLedger.Json))!);
        }

        Assert.Equal([0, 0, 1], reports.Select(report => report.Teardown.Count));
        Assert.True(reports[2].Teardown[0].ConfirmedNotFound);
        Assert.Equal(
            [(null, "relay-c"), ("relay-a", null)],
            reports[1].Handovers!.Select(row => (row.From?.Value, row.To?.Value)).Order());
        Assert.Equal([1, 0, 0], reports.Select(report => report.Attempts.Count));
        var page = await service.Http.GetStringAsync("/runs/relay-b/report.html");
        Assert.Contains("Got the node <b>wf-relay-a-1</b>", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Group_OfWhichOneVariantFails_KeepsTheOtherAndIsResumed()
    {
        var bad = Variant("bad", 0.01);
        bad["training"]!["maxLength"] = 8;
        var request = Group("half", bad, Variant("good", 0.01));
        request["training"]!["validation"] = new JsonObject { ["metric"] = "chrf" };

        var comparison = (await service.ReportAsync(await service.StartAsync(request)))
            .Deserialize<VariantComparison>(RunLedger.Json)!;

        Assert.Equal((RunStatus.Failed, "VARIANTS_INCOMPLETE"), (comparison.Status, comparison.Failure?.Code));
        Assert.Equal(
            [RunStatus.Failed, RunStatus.Succeeded], comparison.Variants.Select(row => row.Status));
        Assert.Equal("good", Assert.Single(comparison.Best).Variant);
        Assert.Equal("workflows resume half", comparison.Resume);

        await RefusedAsync(
            "/runs/half/rerun?from=train", "{}", HttpStatusCode.BadRequest, "begins with its first stage");
        await RefusedAsync("/runs/half-bad/resume", "{}", HttpStatusCode.Conflict, "RUN_OF_GROUP");
        await RefusedAsync(
            "/runs/half/resume", """{"training": {"steps": 9}}""", HttpStatusCode.BadRequest, "REQUEST_INVALID");
        using (var resumed = await service.Http.PostAsJsonAsync("/runs/half/resume", new { budgetUsd = 20 }))
        {
            Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
        }

        // The variant with a verdict is not run again; the other one fails again, as its request is the same.
        await service.ReportAsync("half");
        var ledger = service.Services.GetRequiredService<RunLedger>();
        Assert.Equal(
            ["half-bad 1", "half-good 1", "half-bad 2"],
            ledger.Read<VariantBegun>(new RunId("half"), LedgerKinds.VariantBegun)
                .Select(fact => $"{fact.Data.RunId} {fact.Data.Part}"));
        Assert.Single(ledger.Read<PreparedData>(new RunId("half"), LedgerKinds.Data));
    }

    [Fact]
    public async Task Group_ThatIsCancelled_GivesBackItsNodesAndContinuesFromTheCheckpointWhenResumed()
    {
        var request = Group("enough", Variant("a", 0.01, 100_000), Variant("b-c", 0.001, 4));
        request["allowOverBudget"] = true;
        request["training"]!["checkpointEverySteps"] = RunningService.EndlessCheckpoint;
        await service.StartAsync(request);
        await TrainsAsync();
        await service.WaitAsync("enough-a", run => run.GetProperty("progress") is
        { ValueKind: JsonValueKind.Object } progress && progress.GetProperty("checkpointStep").GetInt32() > 0);
        await RefusedAsync("/runs/enough/suspend", "", HttpStatusCode.Conflict, "GROUP_NOT_SUSPENDED");
        await RefusedAsync("/runs", Taken("enough-b-c"), HttpStatusCode.BadRequest, "REQUEST_INVALID");
        await RefusedAsync(
            "/runs", Group("enough-b", Variant("c", 0.01)).ToJsonString(), HttpStatusCode.BadRequest,
            "variants[0].name");
        using (var cancelled = await service.Http.PostAsync("/runs/enough/cancel", null))
        {
            Assert.Equal(HttpStatusCode.Accepted, cancelled.StatusCode);
        }

        var comparison = (await service.ReportAsync("enough")).Deserialize<VariantComparison>(RunLedger.Json)!;

        Assert.Equal(RunStatus.Cancelled, comparison.Status);
        Assert.Equal([RunStatus.Cancelled, RunStatus.Pending], comparison.Variants.Select(row => row.Status));
        var first = await service.Http.GetFromJsonAsync<JsonElement>("/runs/enough-a/report");
        Assert.All(first.GetProperty("teardown").EnumerateArray(),
            row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean()));
        Assert.Empty((await service.Http.GetFromJsonAsync<JsonElement>("/runs/enough")).GetProperty("nodes")
            .EnumerateArray());

        using (var resumed = await service.Http.PostAsJsonAsync("/runs/enough/resume", new { concurrency = 2 }))
        {
            Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
        }

        await TrainsAsync();
        await service.FinishAsync("enough-a", beyond: RunningService.EndlessCheckpoint);
        var whole = (await service.ReportAsync("enough")).Deserialize<VariantComparison>(RunLedger.Json)!;
        Assert.Equal((RunStatus.Succeeded, null), (whole.Status, whole.Failure));
        Assert.InRange(whole.Variants[0].Steps ?? 0, RunningService.EndlessCheckpoint + 1, 99_999);
        Assert.Equal(4, whole.Variants[1].Steps);
        Assert.True(whole.ActualUsd > comparison.ActualUsd, $"{whole.ActualUsd} {comparison.ActualUsd}");
        first = await service.Http.GetFromJsonAsync<JsonElement>("/runs/enough-a/report");
        Assert.True(first.GetProperty("stops")[0].GetProperty("checkpointStep").GetInt32() > 0, $"{first}");
        Assert.Equal(1, (await service.Http.GetFromJsonAsync<JsonElement>("/runs/enough"))
            .GetProperty("resumptions").GetInt32());

        Task TrainsAsync() => service.WaitAsync("enough", run =>
            run.GetProperty("variants")[0].TryGetProperty("step", out var step)
            && step.ValueKind == JsonValueKind.Number && step.GetInt32() > RunningService.EndlessCheckpoint);
    }

    [Fact]
    public async Task Cancellation_OfAGroupThatWasTerminated_ReachesTheVariantThatGoesOn()
    {
        var request = Group("broken", Variant("a", 0.01, 100_000));
        request["allowOverBudget"] = true;
        await service.StartAsync(request);
        await service.WaitAsync("broken", run => run.GetProperty("nodes").GetArrayLength() > 0);
        var client = service.Services.GetRequiredService<DurableTaskClient>();
        await client.TerminateInstanceAsync("broken");
        await client.WaitForInstanceCompletionAsync("broken", TestContext.Current.CancellationToken);

        using (var cancelled = await service.Http.PostAsync("/runs/broken/cancel", null))
        {
            Assert.Equal(HttpStatusCode.Accepted, cancelled.StatusCode);
        }

        await service.WaitAsync("broken-a", run => run.GetProperty("hasEnded").GetBoolean());
        var variant = await service.Http.GetFromJsonAsync<JsonElement>("/runs/broken-a");
        Assert.Equal("cancelled", variant.GetProperty("status").GetString());
        using var again = await service.Http.PostAsync("/runs/broken/cancel", null);
        Assert.Equal(HttpStatusCode.Gone, again.StatusCode);
    }

    /// <summary>One that waits in the engine would begin after the group was cancelled, and rent.</summary>
    [Fact]
    public async Task Cancellation_OfAGroupThatHasEnded_ReachesAVariantThatIsPendingInTheEngine()
    {
        var request = Group("late", Variant("a", 0.01, 100_000), Variant("b", 0.001, 100_000));
        request["allowOverBudget"] = true;
        await service.StartAsync(request);
        await service.WaitAsync("late", run => run.GetProperty("nodes").GetArrayLength() > 0);
        var client = service.Services.GetRequiredService<DurableTaskClient>();
        var group = await client.GetInstanceAsync("late", getInputsAndOutputs: true);
        await client.TerminateInstanceAsync("late");
        await client.WaitForInstanceCompletionAsync("late", TestContext.Current.CancellationToken);
        using (var first = await service.Http.PostAsync("/runs/late/cancel", null))
        {
            Assert.Equal(HttpStatusCode.Accepted, first.StatusCode);
        }

        await service.WaitAsync("late-a", run => run.GetProperty("hasEnded").GetBoolean());
        using (var none = await service.Http.PostAsync("/runs/late/cancel", null))
        {
            Assert.Equal(HttpStatusCode.Gone, none.StatusCode);
        }

        await client.ScheduleNewOrchestrationInstanceAsync(
            nameof(FineTuneOrchestration), group!.ReadInputAs<RunSpec>()!.Variants![1].Spec,
            new StartOrchestrationOptions("late-b", DateTimeOffset.UtcNow.AddSeconds(3)));
        using var cancelled = await service.Http.PostAsync("/runs/late/cancel", null);

        Assert.Equal(HttpStatusCode.Accepted, cancelled.StatusCode);
        await service.WaitAsync("late-b", run => run.GetProperty("hasEnded").GetBoolean());
        Assert.Equal("cancelled", (await service.Http.GetFromJsonAsync<JsonElement>("/runs/late-b"))
            .GetProperty("status").GetString());
    }

    [Fact]
    public async Task Group_WithoutMoneyForAll_StopsAtTheSumOfItsVariants()
    {
        const double Budget = 1.4;
        var request = Group("poor", Variant("a", 0.01, 100_000), Variant("b", 0.001, 100_000));
        request["concurrency"] = 2;
        request["budgetUsd"] = Budget;
        request["allowOverBudget"] = true;
        request["tpu"]!["acceleratorTypes"] = new JsonArray("v5litepod-256");

        var comparison = (await service.ReportAsync(await service.StartAsync(request)))
            .Deserialize<VariantComparison>(RunLedger.Json)!;

        Assert.Equal((RunStatus.Failed, "BUDGET_EXHAUSTED"), (comparison.Status, comparison.Failure?.Code));
        Assert.True(comparison.ActualUsd >= Budget / 2, $"{comparison.ActualUsd}");

        // The first one stops at the sum of both. With a budget for each, the sum would be nearly twice the budget by
        // then. The nodes cost 0.17 USD a second, so a busy machine may be late by four of them; that the limit holds
        // to the cent is shown by the chaos test, on a clock that waits.
        var ledger = service.Services.GetRequiredService<RunLedger>();
        var stop = comparison.Variants.SelectMany(row => ledger.Read<StageInput>(row.RunId, LedgerKinds.Stage))
            .Where(fact => fact.Data.Stage == RunStageName.Teardown).Min(fact => fact.At);
        var usd = comparison.Variants.Sum(row => UsdUntil(ledger, row.RunId, stop));
        Assert.InRange(usd, 0, 1.5 * Budget);
        Assert.All(comparison.Variants, row => Assert.Equal(0, row.NodesLeft));
        Assert.Contains("BUDGET_EXHAUSTED", comparison.Variants.Select(row => row.Failure?.Code));
        Assert.StartsWith("workflows resume poor --set budgetUsd=", comparison.Resume, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Group_WhoseEstimatesAreOverItsBudget_EndsBeforeAnythingIsRented()
    {
        var request = Group("dear", Variant("a", 0.01, 5_000_000), Variant("b", 0.001, 5_000_000));
        request["budgetUsd"] = 0.05;

        using var preview = await service.Http.PostAsJsonAsync("/plan", request);
        var plan = await preview.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("BUDGET_BELOW_ESTIMATE", plan.GetProperty("refusal").GetProperty("code").GetString());
        Assert.Equal(2, plan.GetProperty("variants").GetArrayLength());

        var comparison = (await service.ReportAsync(await service.StartAsync(request)))
            .Deserialize<VariantComparison>(RunLedger.Json)!;

        Assert.Equal("BUDGET_BELOW_ESTIMATE", comparison.Failure?.Code);
        Assert.All(comparison.Variants, row => Assert.Equal((RunStatus.Pending, 0), (row.Status, row.Usd)));
    }

    /// <summary>Returns the cost of a variant's only node until a time.</summary>
    private static double UsdUntil(RunLedger ledger, RunId id, DateTimeOffset time)
    {
        var price = ledger.Read<TpuLease>(id, LedgerKinds.Intent).Select(fact => fact.Data.Candidate.UsdPerHour)
            .SingleOrDefault();
        var ready = ledger.Read<NodeMoment>(id, LedgerKinds.Ready).Select(fact => fact.At)
            .DefaultIfEmpty(time).Single();
        return Math.Max(0, (time - ready).TotalHours) * price;
    }

    private async Task ShowsTheGroupAsync()
    {
        var run = await service.Http.GetFromJsonAsync<RunView>("/runs/pair", RunLedger.Json);
        Assert.Equal(["pair-slow", "pair-fast"], run!.Variants!.Select(variant => variant.Id.Value));
        Assert.Equal(run.AccruedUsd, run.Variants!.Sum(variant => variant.AccruedUsd), 9);
        Assert.Equal("pair", (await service.Http.GetFromJsonAsync<RunView>("/runs/pair-fast", RunLedger.Json))!
            .Group!.Value.Value);
        var listed = await ListAsync("");
        Assert.Contains("pair", listed);
        Assert.DoesNotContain("pair-slow", listed);
        Assert.Equal(["pair-fast", "pair-slow"], (await ListAsync("?group=pair")).Order());
        Assert.Contains("pair-fast", await ListAsync("?name=pair-f"));

        async Task<IReadOnlyList<string>> ListAsync(string query) =>
            [.. (await service.Http.GetFromJsonAsync<IReadOnlyList<RunView>>($"/runs{query}", RunLedger.Json))!
                .Select(each => each.Id.Value)];
    }

    private async Task PurgesAsAWholeAsync()
    {
        using (var one = await service.Http.DeleteAsync("/runs/pair-fast"))
        {
            Assert.Equal(HttpStatusCode.Conflict, one.StatusCode);
            Assert.Contains("RUN_OF_GROUP", await one.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        using (var all = await service.Http.DeleteAsync("/runs/pair?artifacts=true"))
        {
            Assert.True(all.IsSuccessStatusCode, await all.Content.ReadAsStringAsync());
        }

        foreach (var id in new[] { "pair", "pair-slow", "pair-fast" })
        {
            using var gone = await service.Http.GetAsync($"/runs/{id}");
            Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
            Assert.False(Directory.Exists(Path.Combine(service.Settings.StateDirectory, "runs", id)));
        }
    }

    private async Task RefusedAsync(string path, string body, HttpStatusCode status, string code)
    {
        using var answer = await service.Http.PostAsync(
            path, new StringContent(body, System.Text.Encoding.UTF8, "application/json"));
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Equal(status, answer.StatusCode);
        Assert.Contains(code, text, StringComparison.Ordinal);
    }

    private string Taken(string id)
    {
        var request = service.Request();
        request["id"] = id;
        return request.ToJsonString();
    }

    private static JsonObject Variant(string name, double rate, int? steps = null)
    {
        var training = new JsonObject { ["learningRate"] = rate };
        if (steps is { } count)
        {
            training["steps"] = count;
        }

        return new JsonObject { ["name"] = name, ["training"] = training };
    }

    private JsonObject Group(string id, params JsonObject[] variants)
    {
        var request = service.Request();
        request["id"] = id;
        request["variants"] = new JsonArray([.. variants]);
        return request;
    }
}
