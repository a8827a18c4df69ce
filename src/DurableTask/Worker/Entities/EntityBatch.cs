using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Entities;
using Microsoft.Extensions.Logging;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Entities;

/// <summary>
/// Runs operations of one entity one after another. State and actions are committed after each operation that succeeds
/// and rolled back to the last commit after each that fails, so a failure leaves nothing behind but its own answer.
/// </summary>
internal sealed partial class EntityBatch(
    ITaskEntity entity,
    EntityInstanceId id,
    DataConverter converter,
    IExceptionPropertiesProvider? exceptionProperties,
    TimeProvider time,
    ILogger logger)
{
    public async Task<Proto.EntityBatchResult> RunAsync(
        string? stateText, IEnumerable<(string Name, string? Input, Proto.TraceContext? Trace)> operations)
    {
        var state = new EntityStateText(converter, stateText);
        var context = new EntityActions(id, converter, time);
        var batch = new Proto.EntityBatchResult();
        foreach ((string name, string? input, Proto.TraceContext? trace) in operations)
        {
            context.Trace = trace;
            batch.Results.Add(await RunAsync(new EntityOperation(name, input, context, state, converter)));
        }

        batch.EntityState = state.Committed;
        batch.Actions.AddRange(context.Committed);
        return batch;
    }

    private async Task<Proto.OperationResult> RunAsync(EntityOperation operation)
    {
        Timestamp start = Now();
        try
        {
            string? result = converter.Serialize(await entity.RunAsync(operation));
            operation.Commit();
            return new() { Success = new() { Result = result, StartTimeUtc = start, EndTimeUtc = Now() } };
        }
        catch (Exception error)
        {
            // Whatever user code throws is the operation's answer.
            Log.OperationFailed(logger, error, operation.Name, id.ToString());
            operation.RollBack();
            return new()
            {
                Failure = new()
                {
                    FailureDetails = Replay.FailureConversion.ToProto(error, exceptionProperties),
                    StartTimeUtc = start,
                    EndTimeUtc = Now(),
                },
            };
        }
    }

    private Timestamp Now() => Timestamp.FromDateTimeOffset(time.GetUtcNow());

    private static partial class Log
    {
        [LoggerMessage(1110, LogLevel.Warning, "Operation '{Operation}' of entity '{InstanceId}' failed.")]
        public static partial void OperationFailed(
            ILogger logger, Exception error, string operation, string instanceId);
    }
}
