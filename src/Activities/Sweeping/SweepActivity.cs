using System.Collections.Concurrent;
using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;
using Workflows.Orchestrations;

namespace Workflows.Activities.Sweeping;

/// <summary>Makes one automatic sweep, and returns when the next one is due.</summary>
/// <param name="sweeper">Lists and deletes resources.</param>
/// <param name="record">The deletions that are not proved.</param>
/// <param name="settings">The interval.</param>
/// <param name="problems">Problems that the log has already.</param>
/// <param name="clock">Gives the time.</param>
/// <param name="logger">Receives the deletions and problems.</param>
public sealed partial class SweepActivity(
    Sweeper sweeper, SweepRecord record, SweepSettings settings, SweepProblems problems, TimeProvider clock,
    ILogger<SweepActivity> logger)
    : TaskActivity<int, SweepLook>
{
    private static readonly TimeSpan SoonestProof = TimeSpan.FromSeconds(15);

    /// <inheritdoc />
    public override async Task<SweepLook> RunAsync(TaskActivityContext context, int input)
    {
        if (settings.Interval <= TimeSpan.Zero)
        {
            return new SweepLook(0, 0);
        }

        var began = clock.GetUtcNow();
        var report = await sweeper.SweepAsync(SweepScope.Eternal, settings.Stopping);
        Tell(report, began);
        var pending = record.Pending();
        var left = report.Found.Where(each => each.Owner == ResourceOwner.ThisService).Select(each => each.Name)
            .Union(pending.Select(each => each.Name)).Count();

        // A proof is looked for soon, and less and less often while a deletion hangs.
        var next = pending.Count == 0 ? settings.Interval : (clock.GetUtcNow() - pending.Min(each => each.At)) / 4;
        next = next < SoonestProof ? SoonestProof : next;
        return new SweepLook(left, (next < settings.Interval ? next : settings.Interval).TotalSeconds);
    }

    private void Tell(SweepReport report, DateTimeOffset began)
    {
        foreach (var each in report.Found.Where(each => each.Step == SweepStep.Asked))
        {
            Log.Asked(logger, each.Name, each.Run, each.State, each.Why);
        }

        foreach (var proof in report.GivenBack.Where(each => each.GoneAt >= began))
        {
            Log.Gone(logger, proof.Name, proof.Run, proof.Operation);
        }

        foreach (var each in report.Found)
        {
            var words = each.Step == SweepStep.Refused ? each.Refusal
                : each.Owner == ResourceOwner.Unproved ? each.Why : null;
            if (problems.IsNew(each.Name, words))
            {
                Log.Left(logger, each.Name, words!);
            }
        }

        foreach (var each in report.Projects.Where(each => problems.IsNew(each.Project, each.Problem)))
        {
            Log.Unseen(logger, each.Project, each.Problem!, each.Fix ?? "");
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4320, LogLevel.Warning,
            "Sweep: asked for the deletion of '{Name}' of run '{Run}', which was {State}. {Why}")]
        public static partial void Asked(ILogger logger, string name, string run, string state, string why);

        [LoggerMessage(4321, LogLevel.Information,
            "Sweep: '{Name}' of run '{Run}' is proved gone, by operation '{Operation}'.")]
        public static partial void Gone(ILogger logger, string name, string run, string operation);

        [LoggerMessage(4322, LogLevel.Warning,
            "Sweep: '{Name}' may cost money: {Reason} 'workflows sweep' shows it.")]
        public static partial void Left(ILogger logger, string name, string reason);

        [LoggerMessage(4323, LogLevel.Warning,
            "Sweep: project '{Project}' cannot be listed: {Reason} {Fix}")]
        public static partial void Unseen(ILogger logger, string project, string reason, string fix);
    }
}

/// <summary>Remembers the logged problems, so that a problem is one line of the log and not one in each
/// sweep.</summary>
public sealed class SweepProblems
{
    private readonly ConcurrentDictionary<string, string> _said = new(StringComparer.Ordinal);

    /// <summary>Returns whether a problem must be logged.</summary>
    /// <param name="about">A project or a resource.</param>
    /// <param name="words">The problem; null if there is none now.</param>
    /// <returns>true if it has not been logged since it was last absent.</returns>
    public bool IsNew(string about, string? words)
    {
        if (words is null)
        {
            _said.TryRemove(about, out _);
            return false;
        }

        var before = _said.GetValueOrDefault(about);
        _said[about] = words;
        return before != words;
    }
}
