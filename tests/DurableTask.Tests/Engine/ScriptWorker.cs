using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>
/// An orchestrator that is decided from the history alone. Its input is <c>steps|gathered</c>; steps are words:
/// a activity, f activity that fails the first time, t timer, c child, e event, n go on as new, s# signal, z# signal in
/// three seconds, h# signal that the entity passes on, k# call, q# call in the older encoding, b# call that fails,
/// L## read and write each entity under a lock, X## fail and Y## complete in the critical section, W## complete while
/// the lock may still be waited for. # is the number of an entity.
/// </summary>
internal sealed class ScriptWorker
{
    public const string Name = "script";
    public const string ChildSteps = "a k0";

    private readonly List<HistoryEvent> _history;
    private readonly OrchestratorRequest _request;
    private readonly List<OrchestratorAction> _actions = [];
    private readonly Queue<HistoryEvent> _events;
    private readonly string[] _steps;
    private string _gathered;
    private OrchestratorAction? _end;

    private ScriptWorker(OrchestratorRequest request)
    {
        _request = request;
        _history = [.. request.PastEvents, .. request.NewEvents];
        string[] input = Assert.Single(_history, item => item.ExecutionStarted is not null)
            .ExecutionStarted.Input.Split('|');
        _steps = input[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        _gathered = input[1];
        _events = new Queue<HistoryEvent>(_history.Where(item => item.EventRaised?.Name == "go"));
    }

    public static string Entity(int number) => $"@e@{number}";

    public static IReadOnlyList<OrchestratorAction> Decide(OrchestratorRequest request)
    {
        var worker = new ScriptWorker(request);
        worker.Run();
        return worker._actions;
    }

    /// <summary>What a script gives when nothing interferes; null where it fails.</summary>
    public static string? Expected(string input, IReadOnlyList<string> events)
    {
        string[] parts = input.Split('|');
        string gathered = parts[1];
        int read = 0;
        foreach (string step in parts[0].Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            gathered += step[0] switch
            {
                'a' or 'f' => "x",
                'c' => "xk",
                'e' => events[read++],
                'k' or 'q' => "k",
                'b' => "!",
                'L' => "L",
                _ => string.Empty,
            };
            if (step[0] is 'X')
            {
                return null;
            }

            if (step[0] is 'Y' or 'W')
            {
                break;
            }
        }

        return gathered;
    }

    private void Run()
    {
        if (_history.Find(item => item.ExecutionTerminated is not null) is { } terminated)
        {
            End(OrchestrationStatus.Terminated, terminated.ExecutionTerminated.Input);
        }
        else if (_history.FindLast(item => item.ExecutionSuspended is not null || item.ExecutionResumed is not null)
            is { ExecutionSuspended: not null })
        {
            return;
        }

        for (int step = 0; step < _steps.Length && _end is null; step++)
        {
            if (!Do(_steps[step], step * 10, step))
            {
                return;
            }
        }

        if (_end is null)
        {
            End(OrchestrationStatus.Completed, _gathered);
        }

        _actions.Add(_end!);
    }

    // Whether the step is over.
    private bool Do(string step, int id, int index)
    {
        switch (step[0])
        {
            case 'a' or 'f' or 't' or 'c':
                return DoTask(step[0], id);
            case 'e':
                return _events.TryDequeue(out HistoryEvent? raised) && Gather(raised.EventRaised.Input);
            case 'n':
                ContinueAsNew(index);
                return true;
            case 's' or 'z' or 'h':
                Signal(step, id);
                return true;
            case 'k' or 'b' or 'q':
                return Call(id, Entity(step[1] - '0'), step[0] == 'b' ? "boom" : "add", null, step[0] == 'q')
                    is { } answer && Gather(answer == "!" ? "!" : "k");
            default:
                return DoSection(step, id);
        }
    }

    private bool Gather(string? text)
    {
        _gathered += text;
        return true;
    }

    private bool DoTask(char kind, int id)
    {
        // Every task has one result; a second one is the engine's fault.
        HistoryEvent[] results =
        [
            .. _history.Where(item => item.TaskCompleted?.TaskScheduledId == id
                || item.TaskFailed?.TaskScheduledId == id
                || item.TimerFired?.TimerId == id
                || item.SubOrchestrationInstanceCompleted?.TaskScheduledId == id
                || item.SubOrchestrationInstanceFailed?.TaskScheduledId == id),
        ];
        Assert.True(results.Length <= 1, $"Task {id} of '{_request.InstanceId}' has {results.Length} results.");
        if (results.Length == 0)
        {
            Ask(id, kind switch
            {
                't' => new() { CreateTimer = new() { FireAt = After(1) } },
                'c' => new() { CreateSubOrchestration = new() { Name = Name, Input = $"{ChildSteps}|" } },
                _ => new() { ScheduleTask = new() { Name = kind == 'f' ? "flaky" : "letter", Input = Key(id) } },
            });
            return false;
        }

        if (results[0].TaskFailed is not null || results[0].SubOrchestrationInstanceFailed is not null)
        {
            End(OrchestrationStatus.Failed, "failed");
            return true;
        }

        return Gather(results[0].TaskCompleted?.Result ?? results[0].SubOrchestrationInstanceCompleted?.Result);
    }

    private bool DoSection(string step, int id)
    {
        int[] entities = [.. step.Skip(1).Select(letter => letter - '0')];
        string section = RequestId(id);
        var request = new EntityLockRequestedEvent { CriticalSectionId = section };
        request.LockSet.Add(entities.Select(Entity));
        Ask(id, new() { SendEntityMessage = new() { EntityLockRequested = request } });
        if (step[0] == 'W')
        {
            return DoTask('a', id + 1) && End(OrchestrationStatus.Completed, _gathered[..^1]);
        }

        HistoryEvent[] grants = [.. _history.Where(item => item.EntityLockGranted?.CriticalSectionId == section)];
        Assert.True(grants.Length <= 1, $"Section '{section}' was granted {grants.Length} times.");
        if (grants.Length == 0)
        {
            return false;
        }

        if (step[0] is 'X' or 'Y')
        {
            return End(step[0] == 'X' ? OrchestrationStatus.Failed : OrchestrationStatus.Completed, _gathered);
        }

        for (int index = 0; index < entities.Length; index++)
        {
            // A write that nothing may come between its read and itself.
            if (Call(id + 1 + (2 * index), Entity(entities[index]), "get", null) is not { } value
                || Call(id + 2 + (2 * index), Entity(entities[index]), "set", $"{Number(value) + 1}") is null)
            {
                return false;
            }
        }

        for (int index = 0; index < entities.Length; index++)
        {
            Ask(id + 7 + index, new()
            {
                SendEntityMessage = new()
                {
                    EntityUnlockSent = new()
                    {
                        CriticalSectionId = section,
                        TargetInstanceId = Entity(entities[index]),
                    },
                },
            });
        }

        return Gather("L");
    }

    private string? Call(int id, string entity, string operation, string? input, bool isClassic = false)
    {
        string request = RequestId(id);
        Ask(id, isClassic
            ? new()
            {
                SendEvent = new()
                {
                    Instance = new() { InstanceId = entity },
                    Name = "op",
                    Data = $$"""{"op":"{{operation}}","id":"{{request}}"}""",
                },
            }
            : new()
            {
                SendEntityMessage = new()
                {
                    EntityOperationCalled = new()
                    {
                        RequestId = request,
                        Operation = operation,
                        Input = input,
                        TargetInstanceId = entity,
                    },
                },
            });
        HistoryEvent[] answers =
        [
            .. _history.Where(item => item.EntityOperationCompleted?.RequestId == request
                || item.EntityOperationFailed?.RequestId == request
                || item.EventRaised?.Name == request),
        ];
        Assert.True(answers.Length <= 1, $"Call '{request}' of '{_request.InstanceId}' has {answers.Length} answers.");
        return answers.Length == 0 ? null
            : answers[0].EntityOperationFailed is not null ? "!"
            : answers[0].EntityOperationCompleted?.Output ?? "k";
    }

    private void Signal(string step, int id) => Ask(id, new()
    {
        SendEntityMessage = new()
        {
            EntityOperationSignaled = new()
            {
                RequestId = RequestId(id),
                Operation = step[0] == 'h' ? "hop" : "add",
                TargetInstanceId = Entity(step[1] - '0'),
                ScheduledTime = step[0] == 'z' ? After(3) : null,
            },
        },
    });

    private void ContinueAsNew(int step)
    {
        // As the .NET worker does: what an earlier episode left goes to oneself, what this one left is carried over.
        foreach (HistoryEvent left in _events.Where(item => !_request.NewEvents.Contains(item)))
        {
            _actions.Add(new()
            {
                Id = 900,
                SendEvent = new()
                {
                    Instance = new() { InstanceId = _request.InstanceId },
                    Name = "go",
                    Data = left.EventRaised.Input,
                },
            });
        }

        End(OrchestrationStatus.ContinuedAsNew, $"{string.Join(' ', _steps[(step + 1)..])}|{_gathered}");
        _end!.CompleteOrchestration.CarryoverEvents.AddRange(_events.Where(_request.NewEvents.Contains));
    }

    private bool End(OrchestrationStatus status, string? result)
    {
        _end = new()
        {
            Id = 1000,
            CompleteOrchestration = new() { OrchestrationStatus = status, Result = result },
        };
        return true;
    }

    private void Ask(int id, OrchestratorAction action)
    {
        if (!_history.Exists(item => item.EventId == id))
        {
            action.Id = id;
            _actions.Add(action);
        }
    }

    private Timestamp After(int seconds) =>
        _request.NewEvents[0].Timestamp + Duration.FromTimeSpan(TimeSpan.FromSeconds(seconds));

    // As the SDKs make them: the same in every replay, and maybe the same in two generations of one moment.
    private string Key(int id) => $"{_request.InstanceId}/{_history[0].Timestamp}/{id}";

    private string RequestId(int id) => new Guid(SHA256.HashData(Encoding.UTF8.GetBytes(Key(id)))[..16]).ToString();

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
