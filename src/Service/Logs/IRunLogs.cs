using Workflows.Orchestrations;

namespace Workflows.Service.Logs;

/// <summary>Keeps the newest lines that services and workers wrote about each run, numbered in the order in which they
/// arrive: in files of one service, or in the database of several.</summary>
internal interface IRunLogs
{
    /// <summary>Gets the looks after a run's end in which its last lines may still arrive.</summary>
    public int LooksAfterEnd { get; }

    /// <summary>Begins the log of a run that has facts, though it may have no folder here yet.</summary>
    /// <param name="runId">The run.</param>
    public void Begin(RunId runId);

    /// <summary>Writes a line of the service about a run, without waiting for anything but this machine.</summary>
    /// <param name="runId">The run; if it is not known, nothing is written.</param>
    /// <param name="line">The line, without its number.</param>
    public void Append(RunId runId, LogLine line);

    /// <summary>Writes lines of a worker, except those that are there already.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="nodeId">The worker's node.</param>
    /// <param name="boot">The start of the worker.</param>
    /// <param name="lines">The lines in the order of their numbers, without sequence numbers.</param>
    /// <returns>The number up to which the lines of this start are kept, and whether those after it, which could not
    /// be, should come again; null if nothing can be said now.</returns>
    public (long Number, bool Again)? Append(RunId runId, string nodeId, string boot, IReadOnlyList<LogLine> lines);

    /// <summary>Returns the number of the newest line; every line up to it can be read. 0 for none.</summary>
    /// <param name="runId">The run.</param>
    public long Last(RunId runId);

    /// <summary>Reads the newest lines.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="filter">The lines to show.</param>
    /// <param name="last">No lines after this number.</param>
    /// <param name="count">Most lines.</param>
    /// <returns>The lines in their order.</returns>
    public IReadOnlyList<LogLine> Tail(RunId runId, LogFilter filter, long last, int count);

    /// <summary>Reads a page of lines after a number.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="filter">The lines to show.</param>
    /// <param name="after">Only lines after this number.</param>
    /// <param name="last">No lines after this number.</param>
    /// <param name="count">Most lines.</param>
    /// <returns>The lines in their order; fewer than asked for only if there are no more.</returns>
    public IReadOnlyList<LogLine> After(RunId runId, LogFilter filter, long after, long last, int count);

    /// <summary>Forgets a run that is purged.</summary>
    /// <param name="runId">The run.</param>
    public void Forget(RunId runId);
}
