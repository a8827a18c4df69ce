using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Service.Messages;

/// <summary>
/// Keeps in the store how far the ledger of each run is published to a topic. <b>Invariant:</b> a place moves on only
/// behind events that the broker has, so that a service that is killed publishes again rather than too little.
/// </summary>
/// <param name="ledger">The facts of runs.</param>
/// <param name="topic">Name of the topic.</param>
internal sealed class EventCursors(RunLedger ledger, string topic)
{
    /// <summary>Clocks of two machines, and of a machine and its disk, may differ by this much.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(5);

    private readonly string _key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(topic)))[..16];

    private string Begun => $"events/{_key}/begun";

    private string Done => $"events/{_key}/done";

    /// <summary>Returns the time at which a service first had the topic, and notes it if this is the first one; older
    /// facts are no news.</summary>
    /// <param name="now">The time.</param>
    public DateTimeOffset Begin(DateTimeOffset now) =>
        ledger.State.Create(Begun, BytesOf($"{now:O}")) is { } there ? TimeOf(there) : now;

    /// <summary>Lists the runs in which something may have been written that is not published yet.</summary>
    /// <param name="begun">The time from which on facts are news.</param>
    public IReadOnlyList<RunId> Candidates(DateTimeOffset begun)
    {
        var done = ledger.State.Read(Done) is { } there ? TimeOf(there) : begun;
        var from = (done > begun ? done : begun) - Margin;
        return [.. ledger.All().Where(each => each.WrittenAt >= from).OrderBy(each => each.WrittenAt)
            .Select(each => each.RunId)];
    }

    /// <summary>Notes that all facts from before a time are published.</summary>
    /// <param name="time">The time.</param>
    public void Finish(DateTimeOffset time) => ledger.State.Write(Done, BytesOf($"{time:O}"));

    /// <summary>Reads the number of a run's facts that are published, or are no events.</summary>
    /// <param name="runId">The run.</param>
    public int Read(RunId runId) =>
        ledger.State.Read(NameOf(runId)) is { } there
        && int.TryParse(Encoding.UTF8.GetString(there), NumberStyles.None, CultureInfo.InvariantCulture, out var place)
            ? place : 0;

    /// <summary>Moves the place of a run on.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="place">The number of facts.</param>
    public void Move(RunId runId, int place)
    {
        // Of a run that was purged meanwhile, nothing is to be left.
        if (ledger.Knows(runId))
        {
            ledger.State.Write(NameOf(runId), BytesOf(place.ToString(CultureInfo.InvariantCulture)));
        }
    }

    /// <summary>Waits until no other service publishes the run, or one of the few that share its lock.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    public Task<IDisposable> AloneAsync(RunId runId, CancellationToken cancellation) =>
        ledger.State.AloneAsync(
            $"events-{_key[..4]}-{SHA256.HashData(Encoding.UTF8.GetBytes(runId.Value))[0] % 4}", cancellation);

    private string NameOf(RunId runId) => RunLedger.NameOf(runId, $"events-{_key}");

    private static byte[] BytesOf(string text) => Encoding.UTF8.GetBytes(text);

    private static DateTimeOffset TimeOf(byte[] text) => DateTimeOffset.TryParse(
        Encoding.UTF8.GetString(text), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var time)
            ? time : DateTimeOffset.MinValue + Margin;
}
