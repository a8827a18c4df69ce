using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Entities;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Entities;

/// <summary>What operations of an entity send, in order.</summary>
internal sealed class EntityActions(EntityInstanceId id, DataConverter converter, TimeProvider time) : TaskEntityContext
{
    private readonly List<Proto.OperationAction> _actions = [];
    private int _committed;

    public override EntityInstanceId Id => id;

    /// <summary>The trace of the operation that runs; what it sends belongs to it.</summary>
    public Proto.TraceContext? Trace { get; set; }

    public IEnumerable<Proto.OperationAction> Committed => _actions.Take(_committed);

    public override void SignalEntity(
        EntityInstanceId id, string operationName, object? input = null, SignalEntityOptions? options = null)
    {
        if (id == default)
        {
            throw new ArgumentException("The id of an entity must not be the default value.", nameof(id));
        }

        ArgumentException.ThrowIfNullOrEmpty(operationName);
        Add(new()
        {
            SendSignal = new()
            {
                InstanceId = id.ToString(),
                Name = operationName,
                Input = converter.Serialize(input),
                ScheduledTime = Moment(options?.SignalTime),
                RequestTime = Timestamp.FromDateTimeOffset(time.GetUtcNow()),
                ParentTraceContext = Trace,
            },
        });
    }

    public override string ScheduleNewOrchestration(
        TaskName name, object? input = null, StartOrchestrationOptions? options = null)
    {
        if (name == default)
        {
            throw new ArgumentException("An orchestration cannot be started without a name.", nameof(name));
        }

        if (options?.InstanceId is ['@', ..])
        {
            throw new ArgumentException(
                $"'{options.InstanceId}' cannot be an orchestration id: '@' marks entities.", nameof(options));
        }

        string instanceId = options?.InstanceId ?? Guid.NewGuid().ToString("N");
        Add(new()
        {
            StartNewOrchestration = new()
            {
                InstanceId = instanceId,
                Name = name.Name,
                Version = options?.Version?.Version ?? string.Empty,
                Input = converter.Serialize(input),
                ScheduledTime = Moment(options?.StartAt),
                RequestTime = Timestamp.FromDateTimeOffset(time.GetUtcNow()),
                ParentTraceContext = Trace,
                Tags = { options?.Tags.ToDictionary() ?? [] },
            },
        });
        return instanceId;
    }

    public void Commit() => _committed = _actions.Count;

    public void RollBack() => _actions.RemoveRange(_committed, _actions.Count - _committed);

    private void Add(Proto.OperationAction action) => _actions.Add(action);

    private static Timestamp? Moment(DateTimeOffset? moment) =>
        moment is { } value ? Timestamp.FromDateTimeOffset(value) : null;
}
