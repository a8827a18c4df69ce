using System.Text;

namespace Workflows.Service.Runs;

/// <summary>Makes a text from outside safe for a log or an answer: bounded length, no control characters.</summary>
internal static class SafeText
{
    private const int Most = 1000;

    public static string Of(string? text, int most = Most)
    {
        var shown = new StringBuilder();
        foreach (var character in (text ?? "").AsSpan(0, Math.Min(text?.Length ?? 0, most)))
        {
            _ = char.IsControl(character)
                ? shown.Append($"\\u{(int)character:x4}")
                : shown.Append(character);
        }

        return text?.Length > most ? shown.Append("...").ToString() : shown.ToString();
    }
}
