using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Grpc.Core;
using Microsoft.DurableTask;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Provisioning;

/// <summary>
/// Looks at a node that is being created, and at its operation, which alone says why a creation failed.
/// </summary>
public sealed class ObserveNodeActivity(ITpuCloud cloud, RunLedger ledger, CapacityMemory memory, ITpuJobs jobs)
    : TaskActivity<ObserveNodeInput, NodeObservation>
{
    /// <inheritdoc />
    public override async Task<NodeObservation> RunAsync(TaskActivityContext context, ObserveNodeInput input)
    {
        var (spec, name) = (input.Spec, input.Lease.NodeName);
        var connection = await cloud.ConnectAsync(spec, CancellationToken.None);
        string state;
        try
        {
            state = await StateOfAsync(connection, name);
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.Internal)
        {
            // Says nothing about the node; the time that a node has to become ready ends this, not a fault of ours.
            return new NodeObservation(NodeStates.Unreachable, false, null);
        }

        if (state == nameof(Node.Types.State.Ready))
        {
            ledger.Append(spec.RunId, LedgerKinds.Ready, $"{name}", new NodeMoment(name, state));
            return new NodeObservation(state, jobs.IsConnected(spec.RunId, name), null);
        }

        var refusal = await RefusalOfAsync(connection, input.Operation)
            ?? RefusalOf(state, name);
        if (refusal is not null)
        {
            refusal = SameAnswerRule.Judge(ledger, spec.RunId, input.Lease.Candidate, refusal);
            memory.Remember(spec.Project, input.Lease.Candidate, refusal, spec.MemoryPace);
        }

        return new NodeObservation(state, false, refusal);
    }

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

    private static async Task<Refusal?> RefusalOfAsync(TpuConnection connection, string? operationName)
    {
        if (operationName is null)
        {
            return null;
        }

        try
        {
            var operation = await connection.Operations.GetOperationAsync(
                new GetOperationRequest { Name = operationName },
                TpuConnection.Routed("name", operationName, CancellationToken.None));
            return operation.ResultCase == Operation.ResultOneofCase.Error
                ? RefusalClassifier.Classify(operation.Error)
                : null;
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.NotFound)
        {
            // An operation is forgotten some time after it ended; the node's state decides then.
            return null;
        }
    }

    /// <summary>A node that was preempted or taken down before it was ready will not become ready.</summary>
    private static Refusal? RefusalOf(string state, NodeName name) => state switch
    {
        nameof(Node.Types.State.Preempted) or nameof(Node.Types.State.Terminated)
            or nameof(Node.Types.State.Stopped) or nameof(Node.Types.State.Deleting) => new Refusal(
                "PREEMPTED_DURING_CREATE", RefusalScope.Zone, 600, $"'{name}' is {state} before it was ready.",
                "Nothing: the next zone is tried."),
        _ => null,
    };
}
