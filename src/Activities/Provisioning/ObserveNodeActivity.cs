using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Grpc.Core;
using Microsoft.DurableTask;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Activities.Teardown;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Provisioning;

/// <summary>
/// Reads the state of a node that is being created, and its operation, which alone has the reason of a failure.
/// </summary>
public sealed class ObserveNodeActivity(
    ITpuCloud cloud, RunLedger ledger, CapacityMemory memory, ITpuJobs jobs, TimeProvider clock,
    RefusalReader? reader = null)
    : TaskActivity<ObserveNodeInput, NodeObservation>
{
    private readonly RefusalReader _reader = reader ?? new RefusalReader();

    /// <inheritdoc />
    public override async Task<NodeObservation> RunAsync(TaskActivityContext context, ObserveNodeInput input)
    {
        var seen = await LookAsync(input);
        if (input.IsSearch && seen.State != NodeStates.Unreachable)
        {
            // A request may wait for hours.
            await StrayNodes.ReleaseAsync(cloud, ledger, jobs, input.Spec, input.Lease.Attempt);
        }

        var now = clock.GetUtcNow();
        var (group, spec) = (input.Spec.Group?.Id ?? input.Spec.RunId, input.Spec);
        var spent = RunCosts.Of(ledger, group, now).ActualUsd;
        return seen with
        {
            SpentUsd = spent > 0 && spent + RunCosts.ToStop(ledger, group, spec.Pace) >= spec.BudgetUsd ? spent : null,
            IsTimeOver = now >= input.StopAt,
        };
    }

    private async Task<NodeObservation> LookAsync(ObserveNodeInput input)
    {
        var (spec, name) = (input.Spec, input.Lease.NodeName);
        var connection = await cloud.ConnectAsync(spec, CancellationToken.None);
        string state;
        try
        {
            if (QueuedRequests.Find(ledger, spec.RunId, name) is { } fact
                && await ObserveQueuedAsync(connection, input, fact) is { } queued
                && (queued.Refusal is not null || !IsHeard(spec, name)))
            {
                ReleaseNodeActivity.NoteEnd(ledger, spec.RunId, name, queued.State);
                return queued with { Refusal = Remember(spec, input.Lease.Candidate, queued.Refusal) };
            }

            state = await StateOfAsync(connection, name);
        }
        catch (RpcException exception) when (RefusalClassifier.IsTransient(exception))
        {
            // This proves nothing about the node; the deadline for a node to become ready ends the wait, not an outage
            // of the API that outlasts the retries of one call.
            return new NodeObservation(NodeStates.Unreachable, false, null)
            {
                RetryAfterSeconds = RefusalClassifier.Classify(exception).RetryAfterSeconds is > 0 and var seconds
                    ? seconds : null,
            };
        }

        if (state == nameof(Node.Types.State.Ready))
        {
            ledger.Append(spec.RunId, LedgerKinds.Ready, $"{name}", new NodeMoment(name, state));
            return new NodeObservation(state, jobs.IsConnected(spec.RunId, name), null);
        }

        if (!NodeStates.IsEnd(state) && IsHeard(spec, name))
        {
            // The state is late, or unknown: a worker that talks has a VM, which costs.
            ledger.Append(spec.RunId, LedgerKinds.Ready, $"{name}", new NodeMoment(name, state));
            return new NodeObservation(state, true, null);
        }

        // One that was READY and is lost before its worker has connected: its release may have to wait.
        ReleaseNodeActivity.NoteEnd(ledger, spec.RunId, name, state);
        var refusal = await RefusalOfAsync(connection, input)
            ?? RefusalOf(state, name);
        if (refusal is not null)
        {
            refusal = SameAnswerRule.Judge(ledger, spec.RunId, input.Lease.Candidate, refusal);
            refusal = Remember(spec, input.Lease.Candidate, refusal);
        }

        return new NodeObservation(state, false, refusal);
    }

    /// <summary>Returns whether the worker is connected and was heard lately: the connection of a VM that went away can
    /// stay open for a while.</summary>
    private bool IsHeard(RunSpec spec, NodeName name) => jobs.IsConnected(spec.RunId, name)
        && jobs.Look(JobKind.Train, spec.RunId, name).SilentFor <= TimeSpan.FromSeconds(spec.Pace.SilenceSeconds);

    /// <summary>Looks at a request that has no node yet; a request that was never stored has a failed
    /// operation.</summary>
    private async Task<NodeObservation?> ObserveQueuedAsync(
        TpuConnection connection, ObserveNodeInput input, QueuedFact fact)
    {
        var queued = await QueuedRequests.ReadAsync(connection, fact);
        return queued is null && await RefusalOfAsync(connection, input) is { } refusal
            ? new NodeObservation(NodeStates.NotFound, false, refusal)
            : queued is null && input.Operation is null
            ? new NodeObservation(NodeStates.NotFound, false, null) { IsQueued = true }
            : await QueuedRequests.ObserveAsync(queued, fact, input.Spec, input.Lease.Candidate, _reader);
    }

    private Refusal? Remember(RunSpec spec, Candidate place, Refusal? refusal) =>
        refusal is null ? null : memory.Remember(spec.Project, place, refusal, spec.MemoryPace);

    /// <summary>Reads a node's state by its name; NOT_FOUND if there is no such node.</summary>
    internal static async Task<string> StateOfAsync(TpuConnection connection, NodeName name)
    {
        try
        {
            var node = await connection.Tpu.GetNodeAsync(
                new GetNodeRequest { Name = $"{name}" },
                TpuConnection.Routed("name", $"{name}", CancellationToken.None));
            return node.State.ToString();
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.NotFound)
        {
            return NodeStates.NotFound;
        }
    }

    private async Task<Refusal?> RefusalOfAsync(TpuConnection connection, ObserveNodeInput input)
    {
        if (input.Operation is not { } operationName)
        {
            return null;
        }

        try
        {
            var operation = await connection.Operations.GetOperationAsync(
                new GetOperationRequest { Name = operationName },
                TpuConnection.Routed("name", operationName, CancellationToken.None));
            return operation.ResultCase == Operation.ResultOneofCase.Error
                ? await _reader.ReadAsync(input.Spec, input.Lease.Candidate, operation.Error)
                : null;
        }
        catch (RpcException exception)
            when (exception.StatusCode == StatusCode.NotFound || RefusalClassifier.IsTransient(exception))
        {
            // The cloud forgets an operation some time after its end, or does not answer now; then the node's state
            // decides.
            return null;
        }
    }

    /// <summary>Returns the refusal of a node that was preempted or deleted before it was ready; it will not
    /// recover.</summary>
    private static Refusal? RefusalOf(string state, NodeName name) => state switch
    {
        nameof(Node.Types.State.Preempted) or nameof(Node.Types.State.Terminated)
            or nameof(Node.Types.State.Stopped) or nameof(Node.Types.State.Deleting) => new Refusal(
                "PREEMPTED_DURING_CREATE", RefusalScope.Zone, 600, $"'{name}' is {state} before it was ready.",
                "Nothing: the next zone is tried."),
        _ => null,
    };
}
