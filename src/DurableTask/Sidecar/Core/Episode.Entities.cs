using Microsoft.DurableTask.Protobuf;
using MessageCase = Microsoft.DurableTask.Protobuf.SendEntityMessageAction.EntityMessageTypeOneofCase;

namespace Workflows.DurableTask.Sidecar.Core;

internal sealed partial class Episode
{
    // The history keeps exactly the bytes that the worker sent: it compares on replay, down to the last digit of a
    // time.
    private void AddEntityMessage(OrchestratorAction action, OrchestrationStatus? end)
    {
        SendEntityMessageAction message = action.SendEntityMessage;
        switch (message.EntityMessageTypeCase)
        {
            case MessageCase.EntityOperationSignaled:
                EntityOperationSignaledEvent signal = message.EntityOperationSignaled;
                Record(action.Id, new HistoryEvent { EntityOperationSignaled = signal });
                AddCommand(
                    new Command.SendToEntity(signal.TargetInstanceId ?? string.Empty, new EntityMessage
                    {
                        RequestId = signal.RequestId,
                        Operation = signal.Operation,
                        Input = signal.Input,
                        Due = signal.ScheduledTime,
                    }),
                    end);
                break;
            case MessageCase.EntityOperationCalled:
                EntityOperationCalledEvent call = message.EntityOperationCalled;
                Record(action.Id, new HistoryEvent { EntityOperationCalled = call });
                AddCommand(
                    new Command.SendToEntity(call.TargetInstanceId ?? string.Empty, new EntityMessage
                    {
                        RequestId = call.RequestId,
                        Operation = call.Operation,
                        Input = call.Input,
                        Due = call.ScheduledTime,
                        Caller = Caller(string.Empty),
                    }),
                    end);
                break;
            case MessageCase.EntityLockRequested:
                EntityLockRequestedEvent request = message.EntityLockRequested;
                Record(action.Id, new HistoryEvent { EntityLockRequested = request });
                var asked = new EntityMessage
                {
                    RequestId = request.CriticalSectionId,
                    Caller = Caller(request.CriticalSectionId),
                };
                asked.LockSet.Add(request.LockSet);
                AddCommand(new Command.LockEntities(asked), end);
                break;
            case MessageCase.EntityUnlockSent:
                EntityUnlockSentEvent unlock = message.EntityUnlockSent;
                Record(action.Id, new HistoryEvent { EntityUnlockSent = unlock });
                AddCommand(
                    new Command.UnlockEntity(unlock.TargetInstanceId ?? string.Empty, unlock.CriticalSectionId), end);
                break;
        }
    }

    private void AddCommand(Command? command, OrchestrationStatus? end)
    {
        if (command is Command.LockEntities locks)
        {
            if (end is not null)
            {
                // An execution that has ended could not release the locks that it would be granted.
                return;
            }

            string[] ids = [.. locks.Request.LockSet
                .Select(id => EntityId.Normalize(id) ?? throw new FormatException($"'{id}' is no entity id."))
                .Distinct()
                .Order(StringComparer.Ordinal)];
            locks.Request.LockSet.Clear();
            locks.Request.LockSet.Add(ids);
        }

        if (command is Command.SendToEntity send)
        {
            _ = Moment.Checked(send.Message.Due, "time of an entity message");
        }

        if (command is not null)
        {
            _commands.Add(command);
        }
    }

    private EntityHolder Caller(string section) => new()
    {
        InstanceId = _state.Id,
        ExecutionId = _state.ExecutionId,
        SectionId = section,
    };
}
