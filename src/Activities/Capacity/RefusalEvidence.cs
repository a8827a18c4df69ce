using System.Text.RegularExpressions;
using Google.Rpc;
using Grpc.Core;

namespace Workflows.Activities.Capacity;

/// <summary>An error of the cloud, as the rules read it.</summary>
/// <param name="Code">The status code, which alone says little.</param>
/// <param name="Message">The cloud's words.</param>
/// <param name="Reason">Reason of the error's <see cref="ErrorInfo"/>; null without one.</param>
/// <param name="Quota">The violated quotas; null without any.</param>
internal sealed partial record RefusalEvidence(StatusCode Code, string Message, string? Reason, QuotaFailure? Quota)
{
    /// <summary>
    /// Gets the cloud's words, with those of the violated quotas where the message does not name them.
    /// </summary>
    public string Text { get; } =
        Quota is { Violations.Count: > 0 } && !QuotaText().IsMatch(Message)
            ? $"{Message} {string.Join(" ", Quota.Violations.Select(violation => violation.Description))}".Trim()
            : Message;

    /// <summary>Gets a value indicating whether a quota of the project is used up.</summary>
    public bool IsQuota => Code == StatusCode.ResourceExhausted
        && (Quota is not null || QuotaText().IsMatch(Text) || Says("exceed quota limits"));

    /// <summary>Returns whether the text has the words, in any case.</summary>
    /// <param name="words">The words.</param>
    public bool Says(string words) => Text.Contains(words, StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex("Quota (limit )?'[A-Za-z0-9,]+'", RegexOptions.CultureInvariant)]
    private static partial Regex QuotaText();
}
