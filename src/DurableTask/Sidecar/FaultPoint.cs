namespace Workflows.DurableTask.Sidecar;

/// <summary>The points between two steps of a change at which a process may die. Tests kill it at each.</summary>
internal static class FaultPoint
{
    /// <summary>Memory is changed; nothing was passed to the writer.</summary>
    public const string AfterDecideBeforeEnqueue = nameof(AfterDecideBeforeEnqueue);

    /// <summary>The writer has the batch; no transaction is open.</summary>
    public const string AfterEnqueueBeforeBegin = nameof(AfterEnqueueBeforeBegin);

    /// <summary>The transaction is open and empty.</summary>
    public const string AfterBeginBeforeAppend = nameof(AfterBeginBeforeAppend);

    /// <summary>The transaction holds the first change of its group, and not the others.</summary>
    public const string AfterFirstAppend = nameof(AfterFirstAppend);

    /// <summary>All changes are made, none is durable.</summary>
    public const string AfterAppendBeforeCommit = nameof(AfterAppendBeforeCommit);

    /// <summary>The changes are durable; no caller has an answer.</summary>
    public const string AfterCommitBeforeAnswer = nameof(AfterCommitBeforeAnswer);

    /// <summary>The callers of the first batch of the group have answers, the others do not.</summary>
    public const string AfterFirstAnswer = nameof(AfterFirstAnswer);

    /// <summary>Callers have answers; work that follows was not handed out.</summary>
    public const string AfterAnswerBeforeDispatch = nameof(AfterAnswerBeforeDispatch);

    /// <summary>A work item is on its way to a worker.</summary>
    public const string AfterDispatch = nameof(AfterDispatch);

    /// <summary>A result has arrived; nothing was done with it.</summary>
    public const string AfterResultBeforeDecide = nameof(AfterResultBeforeDecide);

    public static IReadOnlyList<string> All { get; } =
    [
        AfterDecideBeforeEnqueue, AfterEnqueueBeforeBegin, AfterBeginBeforeAppend, AfterFirstAppend,
        AfterAppendBeforeCommit, AfterCommitBeforeAnswer, AfterFirstAnswer, AfterAnswerBeforeDispatch, AfterDispatch,
        AfterResultBeforeDecide,
    ];
}

/// <summary>Called at the fault points; nothing is registered outside tests.</summary>
/// <param name="Reach">Called with the name of the point, on the thread that reaches it.</param>
internal sealed record FaultInjection(Action<string> Reach)
{
    /// <summary>Parses <c>NAME:COUNT</c>: the process dies at once when it reaches the point for the COUNTth
    /// time.</summary>
    public static FaultInjection Kill(string text)
    {
        string[] parts = text.Split(':');
        int left = int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
        return new FaultInjection(point =>
        {
            if (point == parts[0] && Interlocked.Decrement(ref left) == 0)
            {
                System.Diagnostics.Process.GetCurrentProcess().Kill();
                Thread.Sleep(Timeout.InfiniteTimeSpan);
            }
        });
    }
}
