namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>Runs an orchestrator's continuations one after another on the thread that replays it.</summary>
internal sealed class OrchestratorScheduler : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _work = new();
    private readonly int _thread = Environment.CurrentManagedThreadId;

    /// <summary>False for code that an orchestrator started elsewhere, for example with Task.Run.</summary>
    public bool IsOnThread => Environment.CurrentManagedThreadId == _thread && Current == this;

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            // The orchestrator awaited something foreign. Its continuation cannot be part of a replay: it is left out,
            // and the instance stays where it is until its code is repaired.
            return;
        }

        _work.Enqueue((d, state));
    }

    public override SynchronizationContext CreateCopy() => this;

    public void Drain()
    {
        while (_work.TryDequeue(out (SendOrPostCallback Callback, object? State) item))
        {
            item.Callback(item.State);
        }
    }
}
