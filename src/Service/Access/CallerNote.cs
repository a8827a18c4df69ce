namespace Workflows.Service.Access;

/// <summary>The caller of an action, and the reason that it gave.</summary>
/// <param name="By">The caller's name; null where callers have none.</param>
/// <param name="Reason">The reason; null for none.</param>
internal sealed record CallerNote(string? By, string? Reason)
{
    /// <summary>Returns one text of both, for ledger and report.</summary>
    /// <param name="otherwise">The text for neither.</param>
    public string Text(string otherwise) => (By, Reason) switch
    {
        (null, null) => otherwise,
        (null, _) => Reason,
        (_, null) => $"asked for by {By}",
        _ => $"{Reason} (by {By})",
    };
}
