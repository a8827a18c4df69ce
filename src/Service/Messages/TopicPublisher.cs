using System.Text.Json;
using CloudNative.CloudEvents;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Service.Messages;

/// <summary>
/// Publishes the lifecycle of runs to one topic. Runs wait, not events: the memory has their ids, and the events are
/// read from the ledger. A run whose event the broker refuses waits behind the others, so that it holds up none.
/// </summary>
internal sealed partial class TopicPublisher(
    RunLedger ledger, IEventTarget target, NodeSecrets secrets, TimeProvider clock, ILogger logger) : IDisposable
{
    /// <summary>Most runs that wait in memory; a look at all runs finds the others.</summary>
    internal const int MostWaiting = 10_000;

    /// <summary>Time between two looks at all runs, for those of a service that was killed elsewhere and whose end
    /// nobody has noticed.</summary>
    internal static readonly TimeSpan LookEvery = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromMinutes(1);

    /// <summary>From before the first fact that is noted: none is too old at a topic's first start.</summary>
    private readonly DateTimeOffset _made = clock.GetUtcNow();

    private readonly EventCursors _cursors = new(ledger, target.Name);
    private readonly Lock _lock = new();
    private readonly HashSet<RunId> _waiting = [];
    private readonly Queue<RunId> _order = new();
    private readonly SemaphoreSlim _changed = new(0);
    private bool _isComplete, _isTold;
    private DateTimeOffset? _begun, _lookAt, _lookedAt;

    /// <summary>Returns whether facts of a kind are events of the topic.</summary>
    /// <param name="kind">One of <see cref="LedgerKinds"/>.</param>
    public bool Takes(string kind) => RunEvent.IsOne(kind) && target.Takes(kind);

    /// <summary>Notes that a run has a new event.</summary>
    /// <param name="runId">The run.</param>
    public void Note(RunId runId)
    {
        lock (_lock)
        {
            Add(runId);
        }

        _changed.Release();
    }

    /// <summary>Looks at all runs soon, as another service has ended.</summary>
    public void LookNow()
    {
        lock (_lock)
        {
            _lookAt = null;
        }

        _changed.Release();
    }

    /// <summary>Ends the publishing after the runs that wait.</summary>
    public void Complete()
    {
        lock (_lock)
        {
            _isComplete = true;
        }

        _changed.Release();
    }

    public void Dispose() => _changed.Dispose();

    /// <summary>Publishes until the end.</summary>
    /// <param name="cancellation">Ends it at once.</param>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var pause = FirstPause;
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                if (!await StepAsync(cancellation))
                {
                    return;
                }

                (pause, _isTold) = (FirstPause, false);
            }
            catch (Exception exception) when (!cancellation.IsCancellationRequested)
            {
                // Once for each time that the broker or the store is away, not for each try.
                if (!_isTold)
                {
                    _isTold = true;
                    Log.Waiting(logger, target.Name, exception.Message);
                }

                await Task.Delay(pause, clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    /// <summary>Publishes the run that waits longest, or waits for one.</summary>
    /// <returns>false at the end.</returns>
    private async Task<bool> StepAsync(CancellationToken cancellation)
    {
        _begun ??= _cursors.Begin(_made);
        if (LookIsDue())
        {
            Look();
        }

        if (Next() is { } runId)
        {
            await PublishAsync(runId, cancellation);
            return true;
        }

        Finish();
        if (Finished())
        {
            return false;
        }

        var left = TimeLeft();
        if (left <= TimeSpan.Zero)
        {
            return true;
        }

        // A permit that is left from a run which was published meanwhile costs one more round.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await Task.WhenAny(_changed.WaitAsync(stop.Token), Task.Delay(left, clock, stop.Token));
        await stop.CancelAsync();
        return true;
    }

    /// <summary>Looks at all runs, also while some wait: one that the broker refuses for ever must not hide others.
    /// </summary>
    private void Look()
    {
        var now = clock.GetUtcNow();
        var found = _cursors.Candidates(_begun!.Value);
        lock (_lock)
        {
            // A run too many for the memory sets both back, and is found by the next look.
            (_lookedAt, _lookAt) = (found.Count > 0 ? now : null, now + LookEvery);
            foreach (var runId in found)
            {
                Add(runId);
            }
        }
    }

    /// <summary>Notes that all that the last look found is published, when nothing waits.</summary>
    private void Finish()
    {
        DateTimeOffset? looked;
        lock (_lock)
        {
            looked = _order.Count == 0 ? _lookedAt : null;
        }

        if (looked is { } time)
        {
            _cursors.Finish(time);
            lock (_lock)
            {
                _lookedAt = null;
            }
        }
    }

    private bool LookIsDue()
    {
        lock (_lock)
        {
            // Where runs did not fit into the memory, those that did are published first.
            return !_isComplete && (_lookAt is { } at ? at <= clock.GetUtcNow() : _order.Count < MostWaiting);
        }
    }

    private TimeSpan TimeLeft()
    {
        lock (_lock)
        {
            return (_lookAt ?? clock.GetUtcNow()) - clock.GetUtcNow();
        }
    }

    private async Task PublishAsync(RunId runId, CancellationToken cancellation)
    {
        try
        {
            using var alone = await _cursors.AloneAsync(runId, cancellation);
            var place = _cursors.Read(runId);
            var facts = ledger.Read(runId);
            for (var at = place; at < facts.Count; at++)
            {
                if (Takes(facts[at].Kind) && facts[at].At >= _begun && EventOf(runId, facts[at]) is { } happening)
                {
                    await target.PublishAsync(happening, cancellation);
                    _cursors.Move(runId, at + 1);
                }
            }
        }
        catch (Exception)
        {
            Note(runId);
            throw;
        }
    }

    private CloudEvent? EventOf(RunId runId, LedgerEntry fact)
    {
        try
        {
            return RunEvent.Of(runId, fact, secrets, target.Name);
        }
        catch (Exception exception) when (exception is ArgumentException or JsonException)
        {
            // CloudEvents has no such id, or a fact has another form. The activity that wrote it has no part in it.
            Log.NoEvent(logger, fact.Kind, runId.Value, exception);
            return null;
        }
    }

    private void Add(RunId runId)
    {
        if (_waiting.Contains(runId))
        {
            return;
        }

        if (_waiting.Count >= MostWaiting)
        {
            // A look that was made before does not have it.
            (_lookedAt, _lookAt) = (null, null);
            return;
        }

        _waiting.Add(runId);
        _order.Enqueue(runId);
    }

    private RunId? Next()
    {
        lock (_lock)
        {
            // Taken out before its facts are read: a fact that is written meanwhile makes it wait again.
            return _order.TryDequeue(out var runId) && _waiting.Remove(runId) ? runId : null;
        }
    }

    private bool Finished()
    {
        lock (_lock)
        {
            return _isComplete && _order.Count == 0;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4215, LogLevel.Error, "A fact '{Kind}' of {RunId} cannot be an event.")]
        public static partial void NoEvent(ILogger logger, string kind, string runId, Exception exception);

        [LoggerMessage(4210, LogLevel.Warning,
            "Events cannot be published to {Topic} now; they wait in the ledger, and are tried again: {Reason}")]
        public static partial void Waiting(ILogger logger, string topic, string reason);
    }
}
