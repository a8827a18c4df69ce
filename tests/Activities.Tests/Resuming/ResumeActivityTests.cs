using Workflows.Activities.Artifacts;
using Workflows.Activities.Data;
using Workflows.Activities.Evaluation;
using Workflows.Activities.Reporting;
using Workflows.Activities.Resuming;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Resuming;

/// <summary>Finished work counts only if it is whole, and of the same request.</summary>
public sealed class ResumeActivityTests : RunFolder
{
    private static readonly Candidate Place = new("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 1);

    [Fact]
    public async Task Run_OfARunThatDidNothing_FindsNothingAndSaysWhenItStopped()
    {
        Ledger.AppendInPart(Id, LedgerKinds.End, "end", new RunOutcome(
            RunStatus.Failed, "r", new RunFailure("CORPUS_TOO_SMALL", "m", "f")));

        var state = await ResumeAsync(Spec());

        Assert.Equal(
            (null, 0, false, false, 1),
            (state.Data, state.CheckpointStep, state.IsTrained, state.IsTranslated, state.NextAttempt));
        Assert.Empty(state.Left);
        var fact = Assert.Single(Ledger.Read<ResumedFact>(Id, LedgerKinds.Resumed)).Data;
        Assert.Equal(
            (2, RunStatus.Failed, "CORPUS_TOO_SMALL", 0.0, 0),
            (fact.Part, fact.StoppedAs, fact.Failure!.Code, fact.SpentUsd, fact.Step));
        Assert.NotNull(fact.StoppedAt);
        Assert.False(Assert.Single(Ledger.Read<FoundFact>(Id, LedgerKinds.Found)).Data.HasData);
    }

    [Fact]
    public async Task Run_WhichRunsTwice_WritesItsFactsOnce()
    {
        await ResumeAsync(Spec());
        await ResumeAsync(Spec());

        Assert.Single(Ledger.Read<ResumedFact>(Id, LedgerKinds.Resumed));
        Assert.Single(Ledger.Read<FoundFact>(Id, LedgerKinds.Found));
    }

    [Fact]
    public async Task Run_OfATerminatedRun_SaysThatItHasNoEnd()
    {
        await ResumeAsync(Spec());

        var fact = Assert.Single(Ledger.Read<ResumedFact>(Id, LedgerKinds.Resumed)).Data;
        Assert.Equal((RunStatus.Terminated, null), (fact.StoppedAs, fact.StoppedAt));
    }

    [Fact]
    public async Task Run_WithAWholeCorpus_UsesItAgain()
    {
        var (spec, data) = await PreparedAsync();

        var state = await ResumeAsync(spec);

        Assert.Equal(data.Sha256, state.Data!.Sha256);
        Assert.Equal(2, data.Sha256!.Count);
    }

    [Theory]
    [InlineData("train.jsonl", true)]
    [InlineData("test.jsonl", true)]
    [InlineData("train.jsonl", false)]
    public async Task Run_WithADamagedCorpus_PreparesItAgain(string file, bool isChanged)
    {
        var (spec, data) = await PreparedAsync();
        var path = Path.Combine(Path.GetDirectoryName(data.TrainUri)!, file);
        if (isChanged)
        {
            File.AppendAllText(path, "{\"ko\":\"하나\",\"en\":\"one\"}\n");
        }
        else
        {
            File.Delete(path);
        }

        Assert.Null((await ResumeAsync(spec)).Data);
    }

    [Fact]
    public async Task Run_WithAnotherRequestBeforeAnythingWasTrained_PreparesItAgain()
    {
        var (spec, _) = await PreparedAsync();

        Assert.Null((await ResumeAsync(spec with { Direction = RunDirection.Both })).Data);
    }

    [Fact]
    public async Task Run_WithOtherLimits_UsesTheCorpusAgain()
    {
        var (spec, _) = await PreparedAsync();
        spec = spec with
        {
            BudgetUsd = 77,
            Tpu = spec.Tpu with { Provisioning = ProvisioningMode.OnDemand },
            Training = spec.Training with { Steps = 500, EarlierSteps = [400], KeepCheckpoints = 5 },
        };

        Assert.NotNull((await ResumeAsync(spec)).Data);
    }

    [Fact]
    public async Task Run_WithCheckpoints_FindsTheNewestCompleteOne()
    {
        var (spec, _) = await PreparedAsync();
        Checkpoint(40);
        Checkpoint(80);
        Directory.CreateDirectory(Path.Combine(Ledger.DirectoryOf(Id), "checkpoints", "step-00000120"));
        Directory.CreateDirectory(Path.Combine(Ledger.DirectoryOf(Id), "checkpoints", "something"));

        // Something is trained now, so that another wording of the request no longer matters.
        var state = await ResumeAsync(spec with { Evaluation = spec.Evaluation with { BeamSize = 4 } });

        Assert.Equal(80, state.CheckpointStep);
        Assert.NotNull(state.Data);
        Assert.False(state.IsTrained);
    }

    [Fact]
    public async Task Run_WithFewerStepsThanTheCheckpoint_IsRefusedWithBothNumbers()
    {
        var (spec, _) = await PreparedAsync();
        Checkpoint(80);

        var fault = await Assert.ThrowsAsync<RunFaultException>(
            () => ResumeAsync(spec with { Training = spec.Training with { Steps = 79 } }));

        Assert.Equal("STEPS_BELOW_CHECKPOINT", fault.Failure.Code);
        Assert.Contains("79, and the newest checkpoint is of step 80", fault.Failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(400, true, true)]
    [InlineData(500, true, false)]
    [InlineData(400, false, false)]
    public async Task Run_WhoseTrainingHasEnded_IsTrainedIfTheStepsAreThoseAndTheModelIsThere(
        int steps, bool isThere, bool isTrained)
    {
        var (spec, _) = await PreparedAsync();
        Checkpoint(400);
        Trained(400, isThere);

        var state = await ResumeAsync(spec with { Training = spec.Training with { Steps = steps } });

        Assert.Equal(isTrained, state.IsTrained);
        Assert.False(state.IsTranslated);
    }

    /// <summary>A person ended it at step 57; other steps are a request for more training.</summary>
    [Theory]
    [InlineData(400, true)]
    [InlineData(500, false)]
    public async Task Run_WhoseTrainingAPersonEnded_IsTrainedUnlessItsStepsAreChanged(int steps, bool isTrained)
    {
        var (spec, data) = await PreparedAsync();
        spec = spec with { Training = spec.Training with { Steps = 400 } };
        Checkpoint(57);
        Ledger.Append(Id, LedgerKinds.Job, "train@1", new DispatchInput(
            JobKind.Train, spec, data, Intend(1), "r:train", null));
        Trained(57, isThere: true, isFinishedEarly: true);

        var state = await ResumeAsync(spec with { Training = spec.Training with { Steps = steps } });

        Assert.Equal((isTrained, 57), (state.IsTrained, state.CheckpointStep));
    }

    [Theory]
    [InlineData(0, true, true)]
    [InlineData(1, true, false)]
    [InlineData(0, false, false)]
    public async Task Run_WhoseTranslationsHaveEnded_UsesThemIfTheyAreCompleteAndOfTheSameEvaluation(
        int moreBeams, bool isThere, bool isTranslated)
    {
        var (spec, data) = await PreparedAsync();
        Checkpoint(400);
        Trained(400, isThere: true);
        await Task.Delay(TimeSpan.FromMilliseconds(20), TestContext.Current.CancellationToken);
        var lease = Intend(2);
        Ledger.Append(Id, LedgerKinds.Job, "translate@2", new DispatchInput(
            JobKind.Translate, spec, data, lease, "r:evaluate", null));
        Ledger.Append(Id, LedgerKinds.JobEnded, "translate@2", new EndFact(new JobEnd(true, null, null), null));
        foreach (var model in HypothesisFiles.Models.Skip(isThere ? 0 : 1))
        {
            await File.WriteAllTextAsync(
                HypothesisFiles.PathOf(Ledger.DirectoryOf(Id), model, spec.Directions()[0]), "a\n",
                TestContext.Current.CancellationToken);
        }

        var state = await ResumeAsync(spec with
        {
            Evaluation = spec.Evaluation with { BeamSize = spec.Evaluation.BeamSize + moreBeams },
        });

        Assert.Equal((true, isTranslated), (state.IsTrained, state.IsTranslated));
    }

    [Fact]
    public async Task Run_WithNodesThatAreNotProvedGone_NamesThemAndCountsTheAttemptsOn()
    {
        var (gone, left, refused) = (Intend(1), Intend(2), Intend(3));
        Ledger.Append(Id, LedgerKinds.Released, $"{gone.NodeName}", new NodeMoment(gone.NodeName, "NOT_FOUND"));
        Ledger.Append(Id, LedgerKinds.Attempt, "3", new AttemptEnd(
            Id, refused, AttemptOutcome.Refused, null, 1));
        Ledger.Append(Id, LedgerKinds.Attempt, "4", new AttemptEnd(
            Id, refused with { Attempt = 4 }, AttemptOutcome.Skipped, null, 1));

        var state = await ResumeAsync(Spec());

        Assert.Equal([left.NodeName], state.Left);
        Assert.Equal(5, state.NextAttempt);
    }

    [Fact]
    public async Task Prepare_WhereTheFilesHaveChangedSinceTheCheckpoint_IsRefusedBeforeRenting()
    {
        var (spec, data) = await PreparedAsync();
        Checkpoint(40);
        File.Delete(data.TrainUri);
        File.WriteAllLines(spec.Data.Train, Pairs(90));
        Assert.Null((await ResumeAsync(spec)).Data);

        var fault = await Assert.ThrowsAsync<RunFaultException>(() => PrepareAsync(spec));

        Assert.Equal("RESUME_DATA_CHANGED", fault.Failure.Code);
        Assert.Single(Ledger.Read<PreparedData>(Id, LedgerKinds.Data));
    }

    /// <summary>Variants with a verdict were tested on the pairs of the first part.</summary>
    [Fact]
    public async Task Prepare_OfAGroupWhoseFilesHaveChanged_IsRefusedOnceAVariantHasBegun()
    {
        var spec = Spec() with { Variants = [] };
        await PrepareAsync(spec);
        File.WriteAllLines(spec.Data.Train, Pairs(90));
        Resumed(2);
        Assert.NotNull(await PrepareAsync(spec));
        Ledger.Append(Id, LedgerKinds.VariantBegun, "r-a#1", new VariantBegun(new RunId("r-a"), "a", 1));
        File.WriteAllLines(spec.Data.Train, Pairs(80));
        Resumed(3);

        var fault = await Assert.ThrowsAsync<RunFaultException>(() => PrepareAsync(spec));

        Assert.Equal("RESUME_DATA_CHANGED", fault.Failure.Code);
        Assert.Contains("variants have begun", fault.Failure.Message, StringComparison.Ordinal);
        Assert.Equal(2, Ledger.Read<PreparedData>(Id, LedgerKinds.Data).Count);

        void Resumed(int number) => Ledger.Append(Id, LedgerKinds.Resumed, $"{number}", new ResumedFact(
            number, RunStatus.Failed, null, null, 0, 0, []));
    }

    [Fact]
    public async Task Prepare_WhereTheFilesAreTheSame_GivesTheSameCorpusInTheNewPart()
    {
        var (spec, data) = await PreparedAsync();
        Checkpoint(40);
        File.Delete(data.TrainUri);
        Assert.Null((await ResumeAsync(spec)).Data);

        var again = await PrepareAsync(spec);

        Assert.Equal(data.Sha256, again.Sha256);
        Assert.Equal(2, Ledger.Read<PreparedData>(Id, LedgerKinds.Data).Count);
    }

    private async Task<(RunSpec Spec, PreparedData Data)> PreparedAsync()
    {
        var spec = Spec();
        return (spec, await PrepareAsync(spec));
    }

    private async Task<PreparedData> PrepareAsync(RunSpec spec)
    {
        using var inputs = Inputs();
        return await new PrepareDataActivity(Ledger, inputs).RunAsync(null!, spec);
    }

    private async Task<ResumeState> ResumeAsync(RunSpec spec)
    {
        using var inputs = Inputs();
        return await new ResumeActivity(Ledger, inputs, TimeProvider.System, new RunArtifacts(Ledger)).RunAsync(
            null!, spec with { Resumption = new RunResumption(2, spec, DateTimeOffset.UnixEpoch, []) });
    }

    private InputWork Inputs() => new(Ledger, InputLimits.Default, TimeProvider.System);

    private void Checkpoint(int step)
    {
        var folder = Path.Combine(Ledger.DirectoryOf(Id), "checkpoints", $"step-{step:D8}");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "manifest.json"), "{}");
    }

    private void Trained(int steps, bool isThere, bool isFinishedEarly = false)
    {
        Ledger.Append(Id, LedgerKinds.JobEnded, "train@1", new EndFact(
            new JobEnd(true, null, null), new TrainFact(steps, 0, 1, 1, 2, 1, 1, 0)
            {
                FinishedEarly = isFinishedEarly,
            }));
        if (isThere)
        {
            var folder = Directory.CreateDirectory(Path.Combine(Ledger.DirectoryOf(Id), "tuned")).FullName;
            File.WriteAllText(Path.Combine(folder, "config.json"), "{}");
        }
    }

    private TpuLease Intend(int attempt)
    {
        var lease = new TpuLease(NodeName.Of("p", Place.Zone, $"wf-r-{attempt}"), Place, attempt);
        Ledger.Append(Id, LedgerKinds.Intent, $"{lease.NodeName}", lease);
        return lease;
    }
}
