using Microsoft.DurableTask;

namespace Workflows.Orchestrations.Tests;

/// <summary>Nodes that pass from variant to variant: who begins when, and who releases what.</summary>
public sealed class NodeHandoverTests
{
    private static readonly RunOutcome Success = new(RunStatus.Succeeded, "report.json", null);

    private readonly FakeContext _context = new();
    private readonly Dictionary<string, TaskCompletionSource<RunOutcome>> _runs = new(StringComparer.Ordinal);
    private readonly List<string> _begunFacts = [];
    private Func<RunFailure?> _begin = () => null;
    private Func<bool> _hand = () => true;
    private Func<bool> _offer = () => true;
    private IReadOnlyList<NodeName> _left = [];
    private NodeAcceptance _acceptance = new(Given.Lease("us-a1-a"), IsOwned: true);

    public NodeHandoverTests() => _context.Answer = Answer;

    [Fact]
    public async Task Offer_OfAVariant_BeginsTheNextAtOnceWithItsNodeWhileItScores()
    {
        var group = Start("a", "b", "c");

        Offer("a");
        Assert.Equal([("run-a", null), ("run-b", "run-a")], Begun());
        Assert.Equal([("run-a", RunEvents.NodeDecided)], _context.Sent);
        Assert.Equal("run-b", Inputs<HandInput>(Stages.HandNode).Single().To.Value);

        // The giver holds no node, so its end makes no place; that of the taker does.
        End("a");
        Assert.Equal(2, Begun().Count);
        End("b");
        Assert.Equal(("run-c", null), Begun()[^1]);
        End("c");
        Assert.Equal(RunStatus.Succeeded, (await group).Status);
        Assert.DoesNotContain(Stages.ReleaseNode, _context.Calls.Select(call => call.Name));
    }

    [Fact]
    public async Task Offer_WithOthersUnderWay_NeverHasMoreHoldersThanConcurrency()
    {
        var group = Start(2, "a", "b", "c", "d", "e");
        Assert.Equal(2, Begun().Count);

        Offer("b");
        Assert.Equal(("run-c", "run-b"), Begun()[^1]);
        Offer("c");
        Assert.Equal(("run-d", "run-c"), Begun()[^1]);
        Assert.Equal(4, Begun().Count);
        End("b");
        End("c");
        Assert.Equal(4, Begun().Count);
        End("a");
        Assert.Equal(("run-e", null), Begun()[^1]);
        End("d");
        End("e");
        Assert.Equal(RunStatus.Succeeded, (await group).Status);
    }

    [Fact]
    public async Task Offer_WithNobodyLeft_IsReleasedAtOnce()
    {
        var group = Start("a");

        Offer("a");

        Assert.Equal(["run-a"], Released());
        Assert.Equal([("run-a", RunEvents.NodeDecided)], _context.Sent);
        End("a");
        Assert.Equal(RunStatus.Succeeded, (await group).Status);
    }

    [Fact]
    public async Task Offer_WhoseNodeIsBeingReleased_LeavesTheNextVariantUntilThereIsAPlace()
    {
        _hand = () => false;
        var group = Start("a", "b");

        Offer("a");
        Assert.Single(Begun());
        End("a");
        Assert.Equal(("run-b", null), Begun()[^1]);
        End("b");
        Assert.Equal(RunStatus.Succeeded, (await group).Status);
    }

    /// <summary>The decision may be on disk: a variant that has the node must be there to give it back.</summary>
    [Fact]
    public async Task Handing_ThatFails_BeginsTheVariantWhichFindsOutWhetherItHasTheNode()
    {
        _hand = () => throw new TaskFailedException(Stages.HandNode, 1, new IOException("no space left on device"));
        var group = Start("a", "b");

        Offer("a");

        Assert.Equal(("run-b", "run-a"), Begun()[^1]);
        End("a");
        End("b");
        await group;
    }

    [Fact]
    public async Task Offer_WithoutMoneyForAnother_IsReleasedAndNobodyGetsIt()
    {
        var group = Start("a", "b");
        _begin = () => new RunFailure("BUDGET_EXHAUSTED", "It is spent.", "Raise it.");

        Offer("a");

        Assert.Equal(["run-a"], Released());
        Assert.Empty(Inputs<HandInput>(Stages.HandNode));
        End("a");
        Assert.Equal("BUDGET_EXHAUSTED", (await group).Failure?.Code);
    }

    [Fact]
    public async Task Offer_AfterACancellation_IsLeftToTheTeardownOfItsVariant()
    {
        var group = Start("a", "b");
        _context.Raise(RunEvents.Cancel, "enough");
        Offer("a");
        End("a");

        Assert.Equal(RunStatus.Cancelled, (await group).Status);
        Assert.Single(Begun());
        Assert.Empty(Inputs<HandInput>(Stages.HandNode));
    }

    [Fact]
    public async Task Offer_OfAnEndedOrUnknownVariant_DoesNothing()
    {
        var group = Start(2, "a", "b", "c");
        End("a");
        Offer("a");
        Offer("x");

        Assert.Equal(3, Begun().Count);
        Assert.Empty(Inputs<HandInput>(Stages.HandNode));
        Assert.Empty(Released());
        End("b");
        End("c");
        await group;
    }

    [Fact]
    public async Task Variant_WithAHandedNode_WorksOnItAndRentsNone()
    {
        await RunAsync(Variant with { Handed = Handed });

        var work = Inputs<TpuWorkInput>(nameof(TpuWorkOrchestration)).First();
        Assert.Equal(Given.Lease("us-a1-a"), work.Lease);
        Assert.Null(work.Spec.Handed);
        Assert.Equal(1, work.NextAttempt);
    }

    /// <summary>The node is in its ledger when it looks for nodes that an earlier part has left.</summary>
    [Fact]
    public async Task Variant_ThatIsResumedWithAHandedNode_ReleasesThoseOfItsEarlierPartsAlone()
    {
        var old = Given.Lease("us-c1-a");
        _left = [Handed.Lease.NodeName, old.NodeName];
        await RunAsync(Variant with
        {
            Handed = Handed,
            Resumption = new RunResumption(2, Variant, _context.CurrentUtcDateTime, []),
        });

        Assert.Equal([old.NodeName], Inputs<ReleaseInput>(Stages.ReleaseNode).Select(input => input.NodeName));
        Assert.Equal(Handed.Lease, Inputs<TpuWorkInput>(nameof(TpuWorkOrchestration)).First().Lease);
    }

    /// <summary>Nobody watches the cost of a node that waits, and the copy of a model may take an hour.</summary>
    [Fact]
    public async Task Variant_WhosePreparationTakesLong_ReleasesItsIdleNodeAndRentsAfterwards()
    {
        var preparing = new TaskCompletionSource<PreparedData>();
        var usual = _context.Answer;
        _context.Answer = (name, input) => name == Stages.PrepareData ? preparing.Task : usual(name, input);
        _acceptance = _acceptance with { MostIdleSeconds = 900 };
        var began = _context.CurrentUtcDateTime;

        var run = RunAsync(Variant with { Handed = Handed });
        Assert.Equal(900, (_context.CurrentUtcDateTime - began).TotalSeconds);
        Assert.Equal(Handed.Lease.NodeName, Inputs<ReleaseInput>(Stages.ReleaseNode).Single().NodeName);
        preparing.SetResult(Given.Data);

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Null(Inputs<TpuWorkInput>(nameof(TpuWorkOrchestration)).First().Lease);
    }

    [Fact]
    public async Task Variant_WhosePreparationIsDoneInTime_KeepsItsNode()
    {
        _acceptance = _acceptance with { MostIdleSeconds = 900 };
        await RunAsync(Variant with { Handed = Handed });

        Assert.Empty(Inputs<ReleaseInput>(Stages.ReleaseNode));
        Assert.Equal(Handed.Lease, Inputs<TpuWorkInput>(nameof(TpuWorkOrchestration)).First().Lease);
    }

    [Fact]
    public async Task Variant_WhosePlanHasNoSuchPlace_ReleasesTheNodeAndRents()
    {
        _acceptance = new NodeAcceptance(null, IsOwned: true);
        await RunAsync(Variant with { Handed = Handed });

        Assert.Null(Inputs<TpuWorkInput>(nameof(TpuWorkOrchestration)).First().Lease);
        Assert.Equal(Handed.Lease.NodeName, Inputs<ReleaseInput>(Stages.ReleaseNode)[0].NodeName);
    }

    [Fact]
    public async Task Variant_ThatHasNotGotTheNode_LeavesItAlone()
    {
        _acceptance = new NodeAcceptance(null, IsOwned: false);
        await RunAsync(Variant with { Handed = Handed });

        Assert.Empty(Inputs<ReleaseInput>(Stages.ReleaseNode));
    }

    [Fact]
    public async Task Variant_ThatIsDoneWithItsNode_OffersItToItsGroupBeforeItScores()
    {
        await RunAsync(Variant);

        var names = _context.Calls.Select(call => call.Name).ToList();
        Assert.True(names.IndexOf(Stages.OfferNode) < names.IndexOf(Stages.Score));
        Assert.Equal([("run", RunEvents.NodeOffered)], _context.Sent);
        Assert.Empty(Inputs<ReleaseInput>(Stages.ReleaseNode));
    }

    /// <summary>A teardown before the decision would take the node away from the next variant.</summary>
    [Fact]
    public async Task Variant_WhoseGroupHasNotDecided_WaitsWithItsTeardown()
    {
        var scoring = new TaskCompletionSource<object>();
        var usual = _context.Answer;
        _context.Answer = (name, input) => name == Stages.Score ? scoring.Task : usual(name, input);
        var began = _context.CurrentUtcDateTime;
        var run = RunAsync(Variant);
        scoring.SetResult(true);

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Equal(60, (_context.CurrentUtcDateTime - began).TotalSeconds);

        _context.Calls.Clear();
        scoring = new TaskCompletionSource<object>();
        began = _context.CurrentUtcDateTime;
        run = RunAsync(Variant);
        _context.Raise(RunEvents.NodeDecided, "node");
        scoring.SetResult(true);
        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Equal(began, _context.CurrentUtcDateTime);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Variant_WhoseNodeIsNotWanted_ReleasesItAtOnce(bool fails)
    {
        _offer = () => fails
            ? throw new TaskFailedException(Stages.OfferNode, 1, new IOException("the cloud is away")) : false;
        var outcome = await RunAsync(Variant);

        Assert.Equal(RunStatus.Succeeded, outcome.Status);
        Assert.Empty(_context.Sent);
        Assert.Single(Inputs<ReleaseInput>(Stages.ReleaseNode));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Variant_OfAGroupWithoutHandover_OffersNothing(bool isOfAGroup)
    {
        await RunAsync(isOfAGroup ? Variant with { Handover = false } : Variant with { Group = null });

        Assert.DoesNotContain(Stages.OfferNode, _context.Calls.Select(call => call.Name));
        Assert.Single(Inputs<ReleaseInput>(Stages.ReleaseNode));
    }

    [Fact]
    public async Task Variant_ThatFails_OffersNothing()
    {
        var usual = _context.Answer;
        _context.Answer = (name, input) => name == nameof(TpuWorkOrchestration)
            ? new TpuWorkResult(Given.Lease("us-a1-a"), 2, new RunFailure("DIVERGED", "NaN.", "Mend it."), false)
            : usual(name, input);
        var outcome = await RunAsync(Variant);

        Assert.Equal("DIVERGED", outcome.Failure?.Code);
        Assert.DoesNotContain(Stages.OfferNode, _context.Calls.Select(call => call.Name));
    }

    private static RunSpec Variant => Given.Variant(Given.Spec, "a").Spec with { Handover = true };

    private static HandedNode Handed => new(new RunId("run-x"), Given.Lease("us-a1-a"));

    private Task<RunOutcome> Start(params string[] names) => Start(1, names);

    private Task<RunOutcome> Start(int concurrency, params string[] names) =>
        new VariantsOrchestration().RunAsync(_context, Given.Spec with
        {
            Handover = true,
            Variants = [.. names.Select(name => Given.Variant(Given.Spec with { Handover = true }, name))],
            Concurrency = concurrency,
        });

    private Task<RunOutcome> RunAsync(RunSpec spec) => new FineTuneOrchestration().RunAsync(_context, spec);

    private void Offer(string variant) => _context.RaiseOnce(
        RunEvents.NodeOffered, new HandedNode(new RunId($"run-{variant}"), Given.Lease("us-a1-a")));

    private void End(string variant) => _runs[$"run-{variant}"].SetResult(Success);

    private List<T> Inputs<T>(string name) =>
        [.. _context.Calls.Where(call => call.Name == name).Select(call => (T)call.Input!)];

    private List<(string, string?)> Begun() => [.. Inputs<RunSpec>(nameof(FineTuneOrchestration))
        .Select(spec => (spec.RunId.Value, spec.Handed?.From.Value))];

    private IEnumerable<string> Released() =>
        Inputs<ReleaseInput>(Stages.ReleaseNode).Select(input => input.Spec.RunId.Value);

    private object? Answer(string name, object? input)
    {
        switch (name)
        {
            case Stages.OpenVariants:
                return new VariantsState(
                    true, [.. ((RunSpec)input!).Variants!.Select(_ => new VariantState(null, null))]);
            case Stages.BeginVariant:
                _begunFacts.Add(((VariantStart)input!).Variant.RunId.Value);
                return _begin();
            case Stages.HandNode:
                // No node passes to a variant that does not begin.
                Assert.Equal(((HandInput)input!).To.Value, _begunFacts[^1]);
                return _hand();
            case Stages.OfferNode:
                return _offer();
            case Stages.Resume:
                return ResumeState.Nothing with { Left = _left };
            case Stages.AcceptNode:
                return _acceptance;
            case nameof(FineTuneOrchestration):
                return (_runs[((RunSpec)input!).RunId.Value] = new TaskCompletionSource<RunOutcome>()).Task;
            case Stages.CompareVariants:
                var end = (CompareInput)input!;
                return new RunOutcome(end.Status, "comparison.json", end.Failure);
            case Stages.Plan:
                return Given.Plan("us-a1-a");
            case Stages.PlanVariants:
                return 1.0;
            case Stages.PrepareData:
                return Given.Data;
            case nameof(TpuWorkOrchestration):
                return new TpuWorkResult(
                    ((TpuWorkInput)input!).Lease ?? Given.Lease("us-b1-a"), 2, null, false);
            case Stages.ReleaseNode:
                return new NodeRelease(((ReleaseInput)input!).NodeName, "DELETING", false);
            case nameof(TeardownOrchestration):
                return 1;
            case Stages.Report:
                return new RunOutcome(
                    ((ReportInput)input!).Status, "report.json", ((ReportInput)input).Failure);
            default:
                return true;
        }
    }
}
