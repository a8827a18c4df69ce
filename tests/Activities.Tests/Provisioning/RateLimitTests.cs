using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Workflows.Activities.Provisioning;
using Workflows.Orchestrations;
using RpcStatus = Google.Rpc.Status;

namespace Workflows.Activities.Tests.Provisioning;

/// <summary>A rate limit is an answer of its own: no try of the call, and no word about the place.</summary>
public sealed class RateLimitTests : CloudFolder
{
    private const string Words = "Maximum number of CreateNode requests per minute has been reached.";

    [Fact]
    public async Task Create_OverTheRateLimit_IsToBeRepeatedThereAndIsNotRemembered()
    {
        Cloud.Fail("Create", StatusCode.ResourceExhausted, Words);

        var result = await RunAsync(earlier: 0);

        Assert.Equal(
            ("RATE_LIMITED", RefusalScope.Zone, true, Node(1)),
            (result.Refusal?.Code, result.Refusal?.Scope, result.Asked, result.NodeName));
        Assert.InRange(result.Refusal!.RetryAfterSeconds!.Value, 2.5, 7.5);
        Assert.Empty(Memory.All());
        Assert.Null((await RunAsync(earlier: 1)).Refusal);
    }

    [Fact]
    public async Task Create_OverTheRateLimitWithADelay_WaitsForThatLong()
    {
        var status = new RpcStatus
        {
            Code = (int)Code.ResourceExhausted,
            Message = Words,
            Details = { Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromSeconds(97)) }) },
        };
        Cloud.Faults["Create"] = new Queue<RpcException>([status.ToRpcException()]);

        Assert.Equal(97, (await RunAsync(earlier: 0)).Refusal?.RetryAfterSeconds);
    }

    /// <summary>Rate limits used up the six tries after which a request counts as accepted.</summary>
    [Fact]
    public async Task Create_OverTheRateLimitManyTimes_NeverCountsAsUnanswered()
    {
        for (var earlier = 0; earlier < 20; earlier++)
        {
            Cloud.Fail("Create", StatusCode.ResourceExhausted, Words);
            var result = await RunAsync(earlier);
            Assert.Equal(("RATE_LIMITED", false), (result.Refusal?.Code, result.IsUnanswered));
        }

        Cloud.Fail("Create", StatusCode.Unavailable, "down");
        await Assert.ThrowsAsync<RpcException>(() => RunAsync(earlier: 20));
    }

    [Fact]
    public void RateWait_OfManyInARow_GrowsToItsEndAndDiffersFromRunToRun()
    {
        var pace = new PaceSpec();
        double Of(int earlier, string node) =>
            CreateNodeActivity.RateWait(pace, NodeName.Of("p", Zone, node), earlier);

        for (var earlier = 0; earlier < 12; earlier++)
        {
            var middle = Math.Min(5 * Math.Pow(2, earlier), 300);
            Assert.InRange(Of(earlier, "n"), middle / 2, middle * 1.5);
        }

        Assert.InRange(Of(int.MaxValue, "n"), 150, 450);
        var waits = Enumerable.Range(0, 50).Select(each => Of(8, $"wf-{each}")).ToList();
        Assert.True(waits.Max() - waits.Min() > 150, "runs that were refused together come back together");
        Assert.InRange(CreateNodeActivity.RateWait(new PaceSpec { RoundPauseSeconds = 2 }, Node(1), 0), 0.08, 0.26);
    }

    [Fact]
    public async Task Observe_OverTheRateLimit_LooksAgainAfterItsDelay()
    {
        var status = new RpcStatus
        {
            Code = (int)Code.ResourceExhausted,
            Message = "Quota exceeded.",
            Details = { Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromSeconds(60)) }) },
        };
        Cloud.Faults["Get"] = new Queue<RpcException>([status.ToRpcException()]);

        var seen = await new ObserveNodeActivity(Cloud, Ledger, Memory, Jobs, Clock)
            .RunAsync(null!, new ObserveNodeInput(Spec, Lease(1), null));

        Assert.Equal(
            (NodeStates.Unreachable, 60.0, null), (seen.State, seen.RetryAfterSeconds, seen.Refusal));
    }

    private Task<CreateNodeResult> RunAsync(int earlier) => new CreateNodeActivity(
        Cloud, Ledger, Memory, new NodeSecrets(Folder),
        new WorkerBootstrap(new Uri("http://127.0.0.1:1"), "image", "script"), Jobs, Clock)
        .RunAsync(null!, new CreateNodeInput(Spec, Place(), 1) { RateLimits = earlier });
}
