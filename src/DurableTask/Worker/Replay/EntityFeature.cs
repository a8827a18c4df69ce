using System.Diagnostics.CodeAnalysis;
using Microsoft.DurableTask.Entities;

namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>What <c>context.Entities</c> is in a replay.</summary>
internal sealed class EntityFeature(ReplayContext context, DataConverter converter) : TaskOrchestrationEntityFeature
{
    public override async Task<TResult> CallEntityAsync<TResult>(
        EntityInstanceId id, string operationName, object? input = null, CallEntityOptions? options = null)
    {
        EntityAnswer answer = await CallAsync(id, operationName, input);
        return converter.Deserialize<TResult>(answer.Result)!;
    }

    public override Task CallEntityAsync(
        EntityInstanceId id, string operationName, object? input = null, CallEntityOptions? options = null) =>
        CallAsync(id, operationName, input);

    public override Task SignalEntityAsync(
        EntityInstanceId id, string operationName, object? input = null, SignalEntityOptions? options = null)
    {
        Check(id, operationName);
        context.Locks.CheckSignal(id);
        context.SignalEntity(id, operationName, converter.Serialize(input), options?.SignalTime);
        return Task.CompletedTask;
    }

    public override async Task<IAsyncDisposable> LockEntitiesAsync(IEnumerable<EntityInstanceId> entityIds)
    {
        ArgumentNullException.ThrowIfNull(entityIds);
        EntityInstanceId[] set =
        [
            .. entityIds.Distinct()
                .OrderBy(entity => entity.Name, StringComparer.Ordinal)
                .ThenBy(entity => entity.Key, StringComparer.Ordinal),
        ];
        if (set.Length == 0)
        {
            throw new ArgumentException("At least one entity must be named to lock.", nameof(entityIds));
        }

        Array.ForEach(set, entity => Check(entity, "lock"));
        context.Locks.CheckEnter();
        Guid section = await context.LockEntitiesAsync(set);
        return new Section(context.Locks, section);
    }

    public override bool InCriticalSection([NotNullWhen(true)] out IReadOnlyList<EntityInstanceId>? entityIds)
    {
        entityIds = context.Locks.Available;
        return context.Locks.IsHeld;
    }

    private async Task<EntityAnswer> CallAsync(EntityInstanceId id, string operation, object? input)
    {
        Check(id, operation);
        context.Locks.BeginCall(id);
        EntityAnswer answer = await context.CallEntityAsync(id, operation, converter.Serialize(input));
        context.Locks.EndCall(id);
        return answer.Failure is { } failure
            ? throw new EntityOperationFailedException(id, operation, failure)
            : answer;
    }

    private static void Check(EntityInstanceId id, string operation)
    {
        if (id == default)
        {
            throw new ArgumentException("The id of an entity must not be the default value.", nameof(id));
        }

        ArgumentException.ThrowIfNullOrEmpty(operation);
    }

    private sealed class Section(EntityLocks locks, Guid id) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            locks.Exit(id);
            return default;
        }
    }
}
