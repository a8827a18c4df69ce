using Workflows.Activities.Reporting;

namespace Workflows.Activities.Storage;

/// <summary>A file of facts of a store.</summary>
/// <param name="Name">Its name.</param>
/// <param name="WrittenAt">Time of its last fact.</param>
public sealed record FactsInfo(string Name, DateTimeOffset WrittenAt);

/// <summary>
/// Stores the durable state of a service by names, which are paths relative to the state folder, such as
/// <c>runs/ID/ledger.jsonl</c>: facts, lines, and small documents. All services with one store see the same, and a
/// write is durable and visible to all of them before its call returns. Thread-safe. <b>Invariant:</b> facts are
/// append-only and a key is written once within its kind, also by two services at once; a document is the old or the
/// new one, never a part of it.
/// </summary>
/// <remarks>
/// A store that cannot be reached or written throws <see cref="IOException"/>, after its own retries; then nothing is
/// known of the write, and repeating it does no harm.
/// </remarks>
public interface IStateStore
{
    /// <summary>Gets a value indicating whether other services may use the store at the same time.</summary>
    public bool IsShared { get; }

    /// <summary>Gets the time at which the store answered again after it was away, as this service has seen it; the
    /// beginning of all times if it never was.</summary>
    public DateTimeOffset BackAt => default;

    /// <summary>Returns whether a file of facts exists.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>true if something was written to it.</returns>
    public bool HasFacts(string name);

    /// <summary>Appends a fact, unless its key exists already.</summary>
    /// <param name="name">The file, which is made if it is missing.</param>
    /// <param name="fact">The fact.</param>
    /// <returns>true if it was new.</returns>
    public bool AppendFact(string name, LedgerEntry fact);

    /// <summary>Reads facts in the order in which they were written.</summary>
    /// <param name="name">The file.</param>
    /// <returns>A snapshot; empty if there is no such file.</returns>
    public IReadOnlyList<LedgerEntry> ReadFacts(string name);

    /// <summary>Reads the first fact of a kind, without keeping the others in memory.</summary>
    /// <param name="name">The file.</param>
    /// <param name="kind">The kind.</param>
    /// <returns>null if there is none, or the file cannot be read now.</returns>
    public LedgerEntry? FindFact(string name, string kind);

    /// <summary>Replaces a whole file of facts that is only a cache.</summary>
    /// <param name="name">The file.</param>
    /// <param name="facts">Its new facts.</param>
    public void ReplaceFacts(string name, IReadOnlyList<LedgerEntry> facts);

    /// <summary>Deletes notes that are older than anybody needs; the newest fact stays, so that readers who remember
    /// their place miss none. A service may return those that it has read before until it trims them, too.</summary>
    /// <param name="name">A file of notes, which is no ledger.</param>
    /// <param name="time">Facts from before this time are deleted.</param>
    /// <returns>Their number.</returns>
    public int TrimFacts(string name, DateTimeOffset time);

    /// <summary>Copies a damaged file beside itself, over an earlier copy, before it is written anew.</summary>
    /// <param name="name">The file.</param>
    /// <returns>The copy's path; null if the store has no files, or none can be written.</returns>
    public string? SetAside(string name) => null;

    /// <summary>Lists the files of facts <c>FOLDER/ANY/FILE</c>.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="file">The name in it.</param>
    /// <returns>The files, in no particular order.</returns>
    public IEnumerable<FactsInfo> ListFacts(string folder, string file);

    /// <summary>Appends a line that may be lost by a power failure.</summary>
    /// <param name="name">The file.</param>
    /// <param name="line">The line, without its end.</param>
    /// <param name="mostBytes">Bytes from which on nothing is appended.</param>
    public void AppendLine(string name, string line, long mostBytes);

    /// <summary>Reads lines; the last one may be incomplete after a crash.</summary>
    /// <param name="name">The file.</param>
    /// <returns>The lines; none if there is no such file.</returns>
    public IEnumerable<string> ReadLines(string name);

    /// <summary>Reads a document.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>null if there is none.</returns>
    public byte[]? Read(string name);

    /// <summary>Writes a document in place of the old one.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="content">The content.</param>
    public void Write(string name, byte[] content);

    /// <summary>Writes a document unless there is one.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="content">The content.</param>
    /// <returns>The content that was there; null if this call wrote it.</returns>
    public byte[]? Create(string name, byte[] content);

    /// <summary>Changes a document while no other service does.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="change">Returns the new content for the old one, which is null for none; null to leave it as it
    /// is. It may be called again if the connection was lost.</param>
    public void Change(string name, Func<byte[]?, byte[]?> change);

    /// <summary>Deletes a document.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>false if there was none.</returns>
    public bool Delete(string name);

    /// <summary>Deletes the documents directly in a folder that have a content.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="content">The content.</param>
    /// <returns>Their number.</returns>
    public int DeleteAll(string folder, byte[] content);

    /// <summary>Deletes the documents directly in a folder that were last written before a time.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="time">The time, by the clock of the store.</param>
    /// <returns>Their number.</returns>
    public int DeleteBefore(string folder, DateTimeOffset time);

    /// <summary>Deletes everything in a folder; the file of facts that is named last, so that a deletion that was
    /// interrupted can be repeated.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="last">Name of the file of facts in it.</param>
    public void Purge(string folder, string last);

    /// <summary>Waits until no other caller, of no service, holds a name.</summary>
    /// <param name="name">The name; there must be few.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    /// <returns>To be disposed of at the end. It is also over when its holder dies.</returns>
    public Task<IDisposable> AloneAsync(string name, CancellationToken cancellation);
}
