using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Deadlines;

/// <summary>The plan of a run with a deadline, before anything is rented.</summary>
public sealed class DeadlinePlanTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("deadline-plan-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));
    private readonly CapacityMemory _memory;
    private readonly RunPlanner _planner;

    public DeadlinePlanTests()
    {
        var ledger = new RunLedger(_folder["state"], _clock);
        _memory = new CapacityMemory(_folder["state"], _clock);
        _planner = new RunPlanner(
            PriceCatalog.Load(null), _memory, ledger, new RunArtifacts(ledger), clock: _clock);
        Directory.CreateDirectory(_folder["model"]);
        File.WriteAllBytes(Path.Combine(_folder["model"], "model.safetensors"), new byte[1_000_000]);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Preview_WithADeadline_SaysWhetherItIsFeasibleAndWhenSpotEnds()
    {
        var preview = await PreviewAsync(Spec(hours: 24));
        var late = await PreviewAsync(Spec(hours: 0.01));
        var alone = await PreviewAsync(Spec(hours: 24, SpotFallback.None));

        var deadline = preview.Deadline!;
        Assert.True(deadline.IsFeasible);
        Assert.Null(preview.Refusal);
        Assert.Equal(86400 - preview.EstimatedSeconds, deadline.SlackSeconds, 6);
        Assert.InRange(
            deadline.SpotUntil!.Value, _clock.GetUtcNow().AddHours(20),
            deadline.At.AddSeconds(-preview.EstimatedSeconds - new PaceSpec().BootSeconds));
        Assert.True(deadline.OnDemandUsd > preview.EstimatedUsd);
        Assert.Equal("DEADLINE_INFEASIBLE", late.Refusal?.Code);
        Assert.False(late.Starts);
        Assert.True(late.Deadline!.SlackSeconds < 0);
        Assert.Null(alone.Deadline!.SpotUntil);
        Assert.Contains("The deadline rests on spot alone: tpu.fallback is \"none\".", alone.Notes);
        Assert.Null((await PreviewAsync(Spec(hours: 24) with { Deadline = null })).Deadline);
    }

    /// <summary>A shorter remembered wait lets the run stay with spot for longer.</summary>
    [Fact]
    public async Task Preview_WithARememberedWait_EndsSpotLater()
    {
        var before = (await PreviewAsync(Spec(hours: 24))).Deadline!.SpotUntil;
        _memory.RememberWait(
            "p", new Candidate("us-east1-d", "v5litepod-8", ProvisioningMode.OnDemand, "v", 8, 1), 120);

        var after = (await PreviewAsync(Spec(hours: 24))).Deadline!.SpotUntil;

        Assert.Equal(before?.AddSeconds(new PaceSpec().BootSeconds - 120), after);
    }

    [Fact]
    public async Task Preview_OfABudgetBelowOnDemand_WarnsOfIt()
    {
        var preview = await PreviewAsync(Spec(hours: 24));

        var poor = await PreviewAsync(Spec(hours: 24) with { BudgetUsd = preview.EstimatedUsd * 1.01 });

        Assert.Null(poor.Refusal);
        Assert.Contains(poor.Notes, note => note.StartsWith("On demand the whole run costs", StringComparison.Ordinal));
        Assert.DoesNotContain(
            preview.Notes, note => note.StartsWith("On demand the whole run costs", StringComparison.Ordinal));
    }

    private Task<PlanPreview> PreviewAsync(RunSpec spec) =>
        _planner.PreviewAsync(spec, null, TestContext.Current.CancellationToken);

    private RunSpec Spec(double hours, SpotFallback fallback = SpotFallback.OnDemand) => new()
    {
        RunId = new RunId("plan"),
        Name = "run",
        Project = "p",
        Direction = RunDirection.KoToEn,
        Model = _folder["model"],
        Data = new DataSpec { Train = "x.tsv" },
        Tpu = new TpuSpec
        {
            AcceleratorTypes = ["v5litepod-8"],
            Zones = ["us-west4-a"],
            Fallback = fallback,
        },
        Deadline = _clock.GetUtcNow().AddHours(hours),
    };
}
