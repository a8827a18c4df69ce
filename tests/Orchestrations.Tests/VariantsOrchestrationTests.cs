using Microsoft.DurableTask;

namespace Workflows.Orchestrations.Tests;

public sealed class VariantsOrchestrationTests
{
    private static readonly RunOutcome Success = new(RunStatus.Succeeded, "report.json", null);

    private readonly FakeContext _context = new();
    private readonly Dictionary<string, TaskCompletionSource<RunOutcome>> _runs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, VariantState> _known = new(StringComparer.Ordinal);
    private Func<RunId, RunFailure?> _begin = _ => null;
    private bool _isPrepared;

    public VariantsOrchestrationTests() => _context.Answer = Answer;

    [Fact]
    public async Task Group_OfTwoVariants_PreparesOnceAndRunsOneAfterTheOther()
    {
        var group = Start(Group("a", "b"));

        Assert.Equal(["a"], Begun());
        End("a", Success);
        Assert.Equal(["a", "b"], Begun());
        End("b", Success);
        var outcome = await group;

        Assert.Equal((RunStatus.Succeeded, null), (outcome.Status, outcome.Failure));
        Assert.Equal(
            [
                Stages.OpenVariants, Stages.EnterStage, Stages.PlanVariants, Stages.EnterStage, Stages.PrepareData,
                Stages.EnterStage, Stages.BeginVariant, nameof(FineTuneOrchestration), Stages.EndVariant,
                Stages.BeginVariant, nameof(FineTuneOrchestration), Stages.EndVariant, Stages.EnterStage,
                Stages.CompareVariants, Stages.Announce,
            ],
            _context.Calls.Select(call => call.Name));
    }

    [Fact]
    public async Task Group_WithPlacesForTwo_NeverHasMoreUnderWay()
    {
        var group = Start(Group("a", "b", "c", "d") with { Concurrency = 2 });

        Assert.Equal(["a", "b"], Begun());
        End("b", Success);
        Assert.Equal(["a", "b", "c"], Begun());
        End("a", Success);
        End("c", Success);
        End("d", Success);
        Assert.Equal(RunStatus.Succeeded, (await group).Status);
    }

    [Fact]
    public async Task Variant_WithoutAVerdict_LeavesTheOthersAndFailsTheGroup()
    {
        var group = Start(Group("a", "b"));
        End("a", Failed("MODEL_INVALID"));
        End("b", Success);
        var outcome = await group;

        Assert.Equal(["a", "b"], Begun());
        Assert.Equal((RunStatus.Failed, "VARIANTS_INCOMPLETE"), (outcome.Status, outcome.Failure?.Code));
        Assert.Contains("1 of 2 variants have no verdict: a (MODEL_INVALID).", outcome.Failure!.Message,
            StringComparison.Ordinal);
        Assert.Empty(_context.Sent);
    }

    [Fact]
    public async Task Variant_WhoseOrchestrationBreaks_IsAVariantWithoutAVerdict()
    {
        var group = Start(Group("a", "b"));
        _runs["run-a"].SetException(new TaskFailedException(
            nameof(FineTuneOrchestration), 1, new InvalidOperationException("an unfinished one has this id")));
        End("b", Success);
        var outcome = await group;

        Assert.Contains("a (INTERNAL)", outcome.Failure!.Message, StringComparison.Ordinal);
        Assert.Equal(["a", "b"], Begun());
    }

    [Fact]
    public async Task StopOnFailure_CancelsTheVariantsUnderWayAndBeginsNoOther()
    {
        var group = Start(Group("a", "b", "c") with { Concurrency = 2, StopOnFailure = true });
        End("a", Failed("MODEL_INVALID"));

        Assert.Equal([("run-b", RunEvents.Cancel)], _context.Sent);
        End("b", new RunOutcome(RunStatus.Cancelled, "report.json", null));
        var outcome = await group;

        Assert.Equal(["a", "b"], Begun());
        Assert.Equal("VARIANTS_INCOMPLETE", outcome.Failure?.Code);
        Assert.Contains("c (not begun)", outcome.Failure!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancellation_ReachesTheVariantsUnderWayAndWaitsForTheirTeardown()
    {
        var group = Start(Group("a", "b", "c") with { Concurrency = 2 });
        _context.Raise(RunEvents.Cancel, "enough");

        Assert.Equal([("run-a", RunEvents.Cancel), ("run-b", RunEvents.Cancel)], _context.Sent);
        End("b", new RunOutcome(RunStatus.Cancelled, "report.json", null));
        Assert.False(group.IsCompleted);
        End("a", new RunOutcome(RunStatus.Cancelled, "report.json", null));
        var outcome = await group;

        Assert.Equal((RunStatus.Cancelled, null), (outcome.Status, outcome.Failure));
        Assert.Equal(["a", "b"], Begun());
        Assert.Equal(2, _context.Sent.Count);
    }

    [Fact]
    public async Task Cancellation_WhilePreparing_BeginsNoVariant()
    {
        var usual = _context.Answer;
        var preparing = new TaskCompletionSource<PreparedData>();
        _context.Answer = (name, input) => name == Stages.PrepareData ? preparing.Task : usual(name, input);
        var group = Start(Group("a"));
        _context.Raise(RunEvents.Cancel, "enough");

        Assert.Equal(RunStatus.Cancelled, (await group).Status);
        Assert.Empty(Begun());
    }

    [Fact]
    public async Task Budget_ThatIsSpent_BeginsNoOtherVariant()
    {
        _begin = id => id.Value == "run-b" ? new RunFailure("BUDGET_EXHAUSTED", "It is spent.", "Raise it.") : null;
        var group = Start(Group("a", "b", "c"));
        End("a", Success);
        var outcome = await group;

        Assert.Equal(["a"], Begun());
        Assert.Equal("BUDGET_EXHAUSTED", outcome.Failure?.Code);
        Assert.Contains("2 of 3 variants have no verdict: b (not begun), c (not begun).", outcome.Failure!.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hours_OfTheGroup_CountFromItsBeginning()
    {
        var group = Start(Group("a", "b", "c") with { MaxHours = 3 });
        await _context.CreateTimer(_context.CurrentUtcDateTime.AddHours(1), CancellationToken.None);
        End("a", Success);
        await _context.CreateTimer(_context.CurrentUtcDateTime.AddHours(2), CancellationToken.None);
        End("b", Success);
        var outcome = await group;

        Assert.Equal([3, 2], Inputs().Select(spec => spec.MaxHours));
        Assert.Equal("TIME_EXHAUSTED", outcome.Failure?.Code);
    }

    [Fact]
    public async Task Group_ThatIsResumed_TakesUpOnlyTheVariantsWithoutAVerdict()
    {
        var part = new RunResumption(2, Given.Spec, DateTimeOffset.UnixEpoch, []);
        _isPrepared = true;
        _known["a"] = new VariantState(Success, null);
        _known["b"] = new VariantState(null, part);
        var group = Start(Group("a", "b", "c") with { Resumption = part });
        End("b", Success);
        End("c", Success);
        var outcome = await group;

        Assert.Equal(RunStatus.Succeeded, outcome.Status);
        Assert.Equal(["b", "c"], Begun());
        Assert.Equal([2, null], Inputs().Select(spec => spec.Resumption?.Part));
        Assert.DoesNotContain(Stages.PrepareData, _context.Calls.Select(call => call.Name));
    }

    [Fact]
    public async Task Corpus_ThatCannotBeUsed_FailsTheGroupBeforeAVariantBegins()
    {
        var usual = _context.Answer;
        _context.Answer = (name, input) => name == Stages.PrepareData
            ? Task.FromException<PreparedData>(new TaskFailedException(
                name, 1, new RunFaultException("CORPUS_TOO_SMALL", "It has 3 pairs.", "Give more.")))
            : usual(name, input);
        var outcome = await Start(Group("a"));

        Assert.Equal("CORPUS_TOO_SMALL", outcome.Failure?.Code);
        Assert.Empty(Begun());
    }

    /// <summary>Nothing that a group pays for goes on after its end.</summary>
    [Fact]
    public async Task Begin_ThatFails_CancelsTheVariantsUnderWayAndWaitsForThem()
    {
        _begin = id => id.Value == "run-b" ? throw new TaskFailedException(
            Stages.BeginVariant, 1, new IOException("no space left on device")) : null;
        var group = Start(Group("a", "b", "c") with { Concurrency = 2 });

        Assert.Equal([("run-a", RunEvents.Cancel)], _context.Sent);
        Assert.DoesNotContain(Stages.CompareVariants, _context.Calls.Select(call => call.Name));
        End("a", new RunOutcome(RunStatus.Cancelled, "report.json", null));
        var outcome = await group;

        Assert.Equal(["a"], Begun());
        Assert.Equal((RunStatus.Failed, "INTERNAL"), (outcome.Status, outcome.Failure?.Code));
        Assert.Contains("no space left on device", outcome.Failure!.Message, StringComparison.Ordinal);
        Assert.Contains("3 of 3 variants have no verdict: a (cancelled), b (not begun), c (not begun).",
            outcome.Failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Note_OfAnEndThatFails_DecidesNothing()
    {
        var usual = _context.Answer;
        _context.Answer = (name, input) => name == Stages.EndVariant
            ? Task.FromException<object?>(new TaskFailedException(name, 1, new IOException("no space left on device")))
            : usual(name, input);
        var group = Start(Group("a", "b") with { Concurrency = 2 });
        End("a", Success);

        Assert.DoesNotContain(Stages.CompareVariants, _context.Calls.Select(call => call.Name));
        End("b", Success);

        Assert.Equal((RunStatus.Succeeded, null), ((await group).Status, (await group).Failure));
        Assert.Empty(_context.Sent);
    }

    [Fact]
    public async Task Cancellation_OnceEachVariantHasItsVerdict_IsTooLate()
    {
        var usual = _context.Answer;
        _context.Answer = (name, input) =>
        {
            if (name == Stages.EndVariant)
            {
                _context.Raise(RunEvents.Cancel, "too late");
            }

            return usual(name, input);
        };
        var group = Start(Group("a"));
        End("a", Success);

        Assert.Equal(RunStatus.Succeeded, (await group).Status);
    }

    [Theory]
    [InlineData("BUDGET_BELOW_ESTIMATE")]
    [InlineData("DEADLINE_INFEASIBLE")]
    public async Task Variant_ThatLacksTheMoneyOrTimeOfTheGroup_TellsWhyTheGroupFailed(string code)
    {
        var group = Start(Group("a", "b"));
        End("a", Success);
        End("b", Failed(code));
        var outcome = await group;

        Assert.Equal((code, "Mend it."), (outcome.Failure?.Code, outcome.Failure?.Fix));
        Assert.Contains($"1 of 2 variants have no verdict: b ({code}).", outcome.Failure!.Message,
            StringComparison.Ordinal);
    }

    private static RunSpec Group(params string[] names) => Given.Spec with
    {
        Variants = [.. names.Select(name => Given.Variant(Given.Spec, name))],
        Concurrency = 1,
    };

    private static RunOutcome Failed(string code) =>
        new(RunStatus.Failed, "report.json", new RunFailure(code, "It broke.", "Mend it."));

    private Task<RunOutcome> Start(RunSpec group) => new VariantsOrchestration().RunAsync(_context, group);

    private void End(string variant, RunOutcome outcome) => _runs[$"run-{variant}"].SetResult(outcome);

    private IEnumerable<RunSpec> Inputs() => _context.Calls
        .Where(call => call.Name == nameof(FineTuneOrchestration)).Select(call => (RunSpec)call.Input!);

    private IEnumerable<string> Begun() => Inputs().Select(spec => spec.Group!.Variant);

    private object? Answer(string name, object? input)
    {
        switch (name)
        {
            case Stages.OpenVariants:
                return new VariantsState(_isPrepared, [.. ((RunSpec)input!).Variants!.Select(
                    variant => _known.GetValueOrDefault(variant.Name, new VariantState(null, null)))]);
            case Stages.PlanVariants:
                return 1.0;
            case Stages.PrepareData:
                return Given.Data;
            case Stages.BeginVariant:
                return _begin(((VariantStart)input!).Variant.RunId);
            case nameof(FineTuneOrchestration):
                return (_runs[((RunSpec)input!).RunId.Value] = new TaskCompletionSource<RunOutcome>()).Task;
            case Stages.CompareVariants:
                var end = (CompareInput)input!;
                return new RunOutcome(end.Status, "comparison.json", end.Failure);
            default:
                return true;
        }
    }
}
