using System.Globalization;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>Does what work items ask for, and counts what every entity must hold in the end: one for each operation
/// that the engine has accepted from an orchestrator or an entity.</summary>
internal sealed class RandomWorker
{
    public const int Entities = 3;

    private const string Hub = EngineHarness.Hub;
    private const string Steps = "aafttceeennsszhkkqbLLL";

    private readonly Dictionary<int, (string Instance, string Execution)> _holders = [];
    private readonly HashSet<string> _flaked = [];
    private DateTimeOffset _lastDue;

    public int[] Expected { get; } = new int[Entities];

    /// <summary>From 0 to 99; high numbers are bad ones.</summary>
    public int Habit { get; set; }

    public bool HasGoodHabitsOnly { get; set; }

    /// <summary>Whether every scheduled signal is due.</summary>
    public bool Settled(DateTimeOffset now) => _lastDue < now;

    public static string Script(Random random)
    {
        List<string> steps =
        [
            .. Enumerable.Range(0, random.Next(1, 7)).Select(_ => Step(Steps[random.Next(Steps.Length)])),
        ];
        if (random.Next(4) == 0)
        {
            steps.Add(Step("XYW"[random.Next(3)]));
        }

        return string.Join(' ', steps);

        string Step(char kind) => kind switch
        {
            's' or 'z' or 'h' or 'k' or 'q' or 'b' => $"{kind}{random.Next(Entities)}",
            'L' or 'X' or 'Y' or 'W' => kind + string.Concat(
                Enumerable.Range(0, Entities).OrderBy(_ => random.Next()).Take(random.Next(1, Entities + 1))),
            _ => $"{kind}",
        };
    }

    public async Task CompleteAsync(EngineHarness harness, WorkItem item)
    {
        if (item.ActivityRequest is { } activity)
        {
            await CompleteAsync(harness, item, activity);
        }
        else if (item.EntityRequestV2 is { } batch)
        {
            await CompleteAsync(harness, item, batch);
        }
        else
        {
            await CompleteAsync(harness, item, item.OrchestratorRequest);
        }
    }

    private async Task CompleteAsync(EngineHarness harness, WorkItem item, ActivityRequest activity)
    {
        bool isFailing = activity.Name == "flaky" && !_flaked.Contains(activity.Input);
        await harness.Engine.Work.CompleteActivityAsync(Hub, new()
        {
            InstanceId = activity.OrchestrationInstance.InstanceId,
            TaskId = activity.TaskId,
            CompletionToken = item.CompletionToken,
            Result = isFailing ? null : "x",
            FailureDetails = isFailing ? new() { ErrorType = "Flaky", ErrorMessage = "once" } : null,
        });
        if (isFailing)
        {
            _flaked.Add(activity.Input);
        }
    }

    private async Task CompleteAsync(EngineHarness harness, WorkItem item, OrchestratorRequest request)
    {
        IReadOnlyList<HistoryEvent>? whole = await harness.Engine.LiveHistoryAsync(Hub, request.InstanceId);
        IReadOnlyList<OrchestratorAction> actions = ScriptWorker.Decide(request);
        List<OrchestratorAction> left = [.. actions];
        if (!HasGoodHabitsOnly && Habit > 80 && left.Count > 1)
        {
            // In parts, one of them twice.
            for (int times = 0; times < 2; times++)
            {
                await harness.Engine.Work.CompleteEpisodeAsync(Hub, Response([left[0]], isPartial: true));
            }

            left.RemoveAt(0);
        }

        await harness.Engine.Work.CompleteEpisodeAsync(Hub, Response(left, isPartial: false));
        // The engine has taken the result, so nothing has happened to the orchestration since it was asked.
        Assert.Equal(whole, request.PastEvents);
        await CountAsync(harness, request, actions);

        OrchestratorResponse Response(List<OrchestratorAction> part, bool isPartial)
        {
            var response = new OrchestratorResponse
            {
                InstanceId = request.InstanceId,
                CompletionToken = item.CompletionToken,
                IsPartial = isPartial,
                ChunkIndex = isPartial ? 0 : 1,
            };
            response.Actions.AddRange(part);
            return response;
        }
    }

    private async Task CountAsync(
        EngineHarness harness, OrchestratorRequest request, IReadOnlyList<OrchestratorAction> actions)
    {
        await EnterAsync(harness, request);
        foreach (OrchestratorAction action in actions)
        {
            if (action.SendEntityMessage?.EntityOperationSignaled is { } signal)
            {
                Count(signal.TargetInstanceId, signal.Operation);
                Due(signal.ScheduledTime?.ToDateTimeOffset());
            }
            else if (action.SendEntityMessage?.EntityOperationCalled is { } call)
            {
                Count(call.TargetInstanceId, call.Operation);
            }
            else if (action.SendEvent?.Name == "op")
            {
                Count(action.SendEvent.Instance.InstanceId, "add");
            }
            else if (action.SendEntityMessage?.EntityUnlockSent is { } unlock)
            {
                _holders.Remove(NumberOf(unlock.TargetInstanceId));
            }
        }
    }

    // A lock is never held by two: whoever finds its grant among its new events is alone.
    private async Task EnterAsync(EngineHarness harness, OrchestratorRequest request)
    {
        foreach (string section in request.NewEvents.Where(item => item.EntityLockGranted is not null)
            .Select(item => item.EntityLockGranted.CriticalSectionId))
        {
            EntityLockRequestedEvent asked = request.PastEvents
                .Single(item => item.EntityLockRequested?.CriticalSectionId == section).EntityLockRequested;
            foreach (int entity in asked.LockSet.Select(NumberOf))
            {
                if (_holders.TryGetValue(entity, out (string Instance, string Execution) holder)
                    && holder.Execution != request.ExecutionId)
                {
                    string? execution = (await harness.Engine.Reports.ReportAsync(Hub, holder.Instance))?.ExecutionId;
                    Assert.False(
                        execution == holder.Execution,
                        $"Entity {entity} is held by '{holder.Instance}' and by '{request.InstanceId}'.");
                }

                _holders[entity] = (request.InstanceId, request.ExecutionId);
            }
        }
    }

    private async Task CompleteAsync(EngineHarness harness, WorkItem item, EntityRequest batch)
    {
        var response = new EntityBatchResult
        {
            CompletionToken = item.CompletionToken,
            EntityState = batch.EntityState,
        };
        if (!HasGoodHabitsOnly && Habit > 90)
        {
            response.EntityState = null;
            response.FailureDetails = new() { ErrorType = "Framework", ErrorMessage = "not now" };
            await harness.Engine.Entities.CompleteAsync(Hub, response);
            return;
        }

        int most = !HasGoodHabitsOnly && Habit > 60 ? 1 : int.MaxValue;
        int value = int.Parse(batch.EntityState ?? "0", CultureInfo.InvariantCulture);
        foreach (HistoryEvent operation in batch.OperationRequests.Take(most))
        {
            string name = operation.EntityOperationCalled?.Operation ?? operation.EntityOperationSignaled.Operation;
            string? result = null;
            switch (name)
            {
                case "add":
                    result = $"{++value}";
                    break;
                case "get":
                    result = $"{value}";
                    break;
                case "set":
                    value = int.Parse(operation.EntityOperationCalled!.Input, CultureInfo.InvariantCulture);
                    break;
                case "hop":
                    response.Actions.Add(new OperationAction
                    {
                        SendSignal = new()
                        {
                            InstanceId = ScriptWorker.Entity((NumberOf(batch.InstanceId) + 1) % Entities),
                            Name = "add",
                        },
                    });
                    break;
            }

            response.Results.Add(name == "boom"
                ? new OperationResult { Failure = new() { FailureDetails = new() { ErrorMessage = "boom" } } }
                : new OperationResult { Success = new() { Result = result } });
        }

        response.EntityState = $"{value}";
        await harness.Engine.Entities.CompleteAsync(Hub, response);
        foreach (OperationAction action in response.Actions)
        {
            Count(action.SendSignal.InstanceId, "add");
        }
    }

    private void Count(string entity, string operation) =>
        Expected[NumberOf(entity)] += operation is "add" or "set" ? 1 : 0;

    private void Due(DateTimeOffset? time) => _lastDue = time > _lastDue ? time.Value : _lastDue;

    private static int NumberOf(string entity) => entity[^1] - '0';
}
