using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using State = Google.Cloud.Tpu.V2.Node.Types.State;

namespace Workflows.Activities.Tests.Provisioning;

/// <summary>Nodes of flex-start: the request, its refusals, and the end of their time.</summary>
public sealed class FlexStartTests : CloudFolder
{
    private const string Name = "projects/p/locations/us-west4-a/queuedResources/wf-run-1-1";

    private const string Refused =
        "FLEX_START provisioning model is not supported for accelerator type \"v5litepod-8\" in location "
        + "\"us-west4-a\"";

    private static readonly Candidate Flex = Place(mode: ProvisioningMode.FlexStart);

    private static readonly RunSpec Flexible = Spec with
    {
        Tpu = Spec.Tpu with
        {
            Provisioning = ProvisioningMode.FlexStart,
            Request = RequestWay.QueuedResource,
            QueueSeconds = 1800,
            MaxRunHours = 2,
        },
    };

    [Fact]
    public async Task Create_OfFlexStart_AsksForOneNodeWithItsMaximum()
    {
        var created = await CreateAsync();

        Assert.Equal(
            new CreateNodeResult(Node(1), "projects/p/locations/us-west4-a/operations/op-queue", null), created);
        var body = Assert.Single(Cloud.FlexStarts);
        Assert.Equal("FLEX_START", (string?)body["provisioningModel"]);
        Assert.Equal("7200s", (string?)body["runDuration"]!["maxRunDuration"]);
        var queued = Cloud.Queued[Name];
        Assert.Equal(QueuedResource.TierOneofCase.None, queued.TierCase);
        Assert.Equal(TimeSpan.FromMinutes(30), queued.QueueingPolicy.ValidUntilDuration.ToTimeSpan());
        var spec = Assert.Single(queued.Tpu.NodeSpec);
        Assert.Equal(("wf-run-1-1", "v5litepod-8"), (spec.NodeId, spec.Node.AcceleratorType));
        Assert.Equal("run-1", spec.Node.Labels[NodeLabels.Run]);
        Assert.Null(spec.Node.SchedulingConfig);
        Assert.Equal(7200, Assert.Single(Ledger.Read<QueuedFact>(Run, LedgerKinds.Queued)).Data.MaxRunSeconds);
        Assert.Empty(Cloud.Creates);
    }

    [Fact]
    public async Task Create_Again_TakesTheRequestThatIsThere()
    {
        Cloud.Fail("CreateAnswer", StatusCode.Unavailable, "lost");
        await Assert.ThrowsAsync<RpcException>(CreateAsync);

        Assert.Null((await CreateAsync()).Refusal);
        Assert.Single(Cloud.Queued);
    }

    /// <summary>The refusal is of this type and mode: the others stay open in the same zone.</summary>
    [Fact]
    public async Task Create_WhereItIsNotProvided_IsRememberedForTheMode()
    {
        Cloud.Fail("CreateFlexStart", StatusCode.InvalidArgument, Refused);

        var refusal = (await CreateAsync()).Refusal!;

        AssertUnsupported(refusal);
        Assert.Null(Memory.Find("p", Place(mode: ProvisioningMode.OnDemand)));
        Assert.Null(Memory.Find("p", Flex with { AcceleratorType = "v5litepod-4" }));
        Assert.Null(Memory.Find("p", Flex with { Zone = "us-west4-b" }));
    }

    [Fact]
    public async Task Observe_ARequestWhoseOperationFailed_HasTheSameReason()
    {
        var operation = (await CreateAsync()).Operation!;
        Cloud.Queued.Remove(Name);
        Cloud.Operations[operation] = new Google.LongRunning.Operation
        {
            Name = operation,
            Done = true,
            Error = new Google.Rpc.Status { Code = (int)StatusCode.InvalidArgument, Message = Refused },
        };

        AssertUnsupported((await new ObserveNodeActivity(Cloud, Ledger, Memory, Jobs, Clock)
            .RunAsync(null!, new ObserveNodeInput(Flexible, Lease(1) with { Candidate = Flex }, operation))).Refusal!);
    }

    /// <summary>The time begins with the VM, which is at most a boot (here 900 s) before READY was seen.</summary>
    [Theory]
    [InlineData(7200, null, "RUN_DURATION_OVER", 0)]
    [InlineData(6300, State.Deleting, "RUN_DURATION_OVER", 0)]
    [InlineData(6299, null, "NOT_FOUND", 1)]
    [InlineData(7200, State.Preempted, "PREEMPTED", 1)]
    public async Task Loss_OfANode_IsTheEndOfItsTimeOrAnother(int seconds, State? state, string cause, int lives)
    {
        await CreateAsync();
        Ledger.Append(Run, LedgerKinds.Ready, $"{Node(1)}", new NodeMoment(Node(1), "Ready"));
        Clock.Advance(TimeSpan.FromSeconds(seconds));
        if (state is { } some)
        {
            Cloud.Put(Node(1), some);
        }

        var seen = await ObserveAsync();

        Assert.Equal((true, cause), (seen.IsLost, seen.LossCause));
        Assert.Equal(1, Facts(LedgerKinds.Stopped));
        Assert.Equal(lives, Memory.Seen().Sum(place => place.Losses));
    }

    [Fact]
    public async Task Job_OnANodeWhoseTimeIsOver_GoesOnWhileTheNodeIsThere()
    {
        await CreateAsync();
        Ledger.Append(Run, LedgerKinds.Ready, $"{Node(1)}", new NodeMoment(Node(1), "Ready"));
        Clock.Advance(TimeSpan.FromHours(3));
        Cloud.Put(Node(1), State.Ready);

        Assert.Equal((false, null), ((await ObserveAsync()).IsLost, (await ObserveAsync()).LossCause));
    }

    private void AssertUnsupported(Refusal refusal)
    {
        Assert.Equal(
            ("FLEX_START_UNSUPPORTED", RefusalScope.Zone, Refused), (refusal.Code, refusal.Scope, refusal.Reason));
        Assert.Equal(Clock.GetUtcNow().AddDays(7), Memory.Find("p", Flex)?.Until);
    }

    private Task<CreateNodeResult> CreateAsync() => new CreateNodeActivity(
        Cloud, Ledger, Memory, new NodeSecrets(Folder),
        new WorkerBootstrap(new Uri("https://gateway"), "image", "script"), Jobs, Clock)
        .RunAsync(null!, new CreateNodeInput(Flexible, Flex, 1));

    private Task<JobObservation> ObserveAsync()
    {
        Jobs.Standing = new JobStanding(TimeSpan.FromSeconds(1), 54, 100, 50, 2.5, null);
        return new ObserveJobActivity(Cloud, Jobs, Ledger, Clock, memory: Memory).RunAsync(
            null!, new ObserveJobInput(
                JobKind.Train, Flexible with { Pace = new PaceSpec() }, Lease(1) with { Candidate = Flex }));
    }
}
