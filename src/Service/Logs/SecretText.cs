using System.Text.RegularExpressions;

namespace Workflows.Service.Logs;

/// <summary>Takes credentials out of a text that somebody else may read.</summary>
internal static partial class SecretText
{
    private const string Hidden = "[secret]";

    // A token of the Hub in the service's own environment has no form that tells it from other words for sure.
    private static readonly string? HubToken = Environment.GetEnvironmentVariable("HF_TOKEN") is { Length: >= 8 } token
        ? token : null;

    /// <summary>Returns a text of any length as that of a line: without credentials, and cut. It is cut before the
    /// search, too, whose time grows with the length.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="secret">A secret of the text's author; null for none.</param>
    public static string Line(string text, string? secret = null)
    {
        // Longer than what is kept, so that a credential at the cut is still whole.
        var shown = Without(text.Length > 2 * RunLogs.MostText ? text[..(2 * RunLogs.MostText)] : text, secret);
        return shown.Length > RunLogs.MostText ? shown[..(RunLogs.MostText - 3)] + "..." : shown;
    }

    /// <summary>Returns the text without keys of this service, tokens of Google, the Hub and of headers, private keys,
    /// and the given secret.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="secret">A secret of the text's author; null for none.</param>
    public static string Without(string text, string? secret = null)
    {
        var shown = Known().Replace(text, Hidden);
        shown = string.IsNullOrEmpty(secret)
            ? shown : shown.Replace(secret, Hidden, StringComparison.OrdinalIgnoreCase);
        return HubToken is null ? shown : shown.Replace(HubToken, Hidden, StringComparison.Ordinal);
    }

    [GeneratedRegex(
        @"wfk_[0-9a-f]{12}_[0-9a-f]+|\bya29\.[\w.-]+|\bhf_[A-Za-z0-9]{8,}|(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
            + @"|(?<=\bBearer\s{1,8})[\w.~+/=-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY-----.*",
        RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex Known();
}
