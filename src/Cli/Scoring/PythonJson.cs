using System.Globalization;
using System.Text;

namespace Workflows.Cli.Scoring;

/// <summary>Writes JSON exactly as Python's <c>json.dumps</c> does, for programs that compare text.</summary>
internal static class PythonJson
{
    /// <summary>Formats a number with the fewest digits that read back equal, always with a point or an
    /// exponent.</summary>
    public static string Number(double value)
    {
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
        }

        var digits = value.ToString("E16", CultureInfo.InvariantCulture);
        var exponent = value == 0 ? 0 : int.Parse(digits[(digits.IndexOf('E') + 1)..], CultureInfo.InvariantCulture);
        if (exponent is >= -4 and < 16)
        {
            // Round-trip digits in decimal notation: a decimal holds all digits of a double of this size.
            var text = value.ToString("R", CultureInfo.InvariantCulture);
            text = text.Contains('E') ? ((decimal)value).ToString(CultureInfo.InvariantCulture) : text;
            return text.Contains('.') ? text : text + ".0";
        }

        var parts = value.ToString("R", CultureInfo.InvariantCulture).Split('E');
        var power = int.Parse(parts[1], CultureInfo.InvariantCulture);
        return $"{parts[0]}e{(power < 0 ? '-' : '+')}{Math.Abs(power):00}";
    }

    /// <summary>Formats a quoted string; escapes everything but ASCII if <paramref name="isAscii"/>.</summary>
    public static string Text(string value, bool isAscii)
    {
        var result = new StringBuilder("\"");
        foreach (var character in value)
        {
            result.Append(character switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                < ' ' => $"\\u{(int)character:x4}",
                >= '\x7f' when isAscii && character > '\x7f' => $"\\u{(int)character:x4}",
                _ => character.ToString(),
            });
        }

        return result.Append('"').ToString();
    }
}
