using System.Security.Cryptography;
using System.Text;
using Workflows.Activities.Storage;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>
/// Stores the run that each key started, since a request with an id of its own has no other link to its key. Each key
/// is one small document, named by the key's hash. <b>Invariant:</b> a key is written before its run is started, and
/// belongs to that run for <see cref="Lifetime"/>, unless the run is purged before. The run of a request without an id
/// is named by its key, and keeps it for as long as it exists.
/// </summary>
internal sealed class IdempotencyKeys(IStateStore state)
{
    /// <summary>Folder of the keys in the store.</summary>
    public const string Folder = "keys";

    /// <summary>The time for which a key is remembered: Pub/Sub keeps a message for 31 days at most, and may deliver
    /// it again until then (its documentation of retention).</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(31);

    /// <summary>Looks up the run of a key.</summary>
    /// <param name="key">The key, as it was sent.</param>
    /// <returns>The run; null for a key that started none, or one of an earlier version of this service.</returns>
    public RunId? Find(string key) => RunOf(state.Read(NameOf(key)));

    /// <summary>Assigns a key to a run, unless it belongs to one already.</summary>
    /// <param name="key">The key.</param>
    /// <param name="id">The run that is about to be started.</param>
    /// <returns>The run of the key, and whether this call assigned it.</returns>
    public (RunId Run, bool IsNew) Claim(string key, RunId id)
    {
        if (state.Create(NameOf(key), Bytes(id)) is not { } there)
        {
            return (id, true);
        }

        if (RunOf(there) is { } known)
        {
            return (known, false);
        }

        // It names no run, so it belongs to none.
        Replace(key, id);
        return (id, true);
    }

    /// <summary>Assigns a key to another run, because its first run was never created.</summary>
    /// <param name="key">The key.</param>
    /// <param name="id">The run that is about to be started.</param>
    public void Replace(string key, RunId id) => state.Write(NameOf(key), Bytes(id));

    /// <summary>Frees a key whose request was refused and so started nothing.</summary>
    /// <param name="key">The key.</param>
    public void Release(string key) => state.Delete(NameOf(key));

    /// <summary>Frees every key of a run that is purged.</summary>
    /// <param name="id">The run.</param>
    /// <returns>The number of its keys.</returns>
    public int ReleaseAll(RunId id) => state.DeleteAll(Folder, Bytes(id));

    private static byte[] Bytes(RunId id) => Encoding.UTF8.GetBytes(id.Value);

    private static RunId? RunOf(byte[]? content) =>
        content is not null && RunId.TryParse(Encoding.UTF8.GetString(content), out var id) ? id : null;

    private static string NameOf(string key) =>
        $"{Folder}/{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))}";
}
