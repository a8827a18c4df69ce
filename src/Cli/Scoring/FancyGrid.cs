using System.Text;

namespace Workflows.Cli.Scoring;

/// <summary>Draws a table with double lines around it and its header; cells may have several lines.</summary>
internal static class FancyGrid
{
    // Characters by which a column is at least wider than its header.
    private const int HeaderRoom = 2;

    /// <summary>Draws the table. The first column is flush right, the others are centred.</summary>
    public static string Draw(IReadOnlyList<string> headers, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var widths = headers.Select((header, column) => Math.Max(
            Length(header) + HeaderRoom,
            rows.SelectMany(row => row[column].Split('\n')).Max(Length))).ToArray();
        var table = new StringBuilder();
        Line(table, widths, '╒', '═', '╤', '╕');
        Row(table, widths, headers);
        Line(table, widths, '╞', '═', '╪', '╡');
        for (var i = 0; i < rows.Count; i++)
        {
            if (i > 0)
            {
                Line(table, widths, '├', '─', '┼', '┤');
            }

            Row(table, widths, rows[i]);
        }

        Line(table, widths, '╘', '═', '╧', '╛');
        return table.ToString().TrimEnd('\n');
    }

    private static void Line(StringBuilder table, int[] widths, char left, char fill, char middle, char right) =>
        table.Append(left).AppendJoin(middle, widths.Select(width => new string(fill, width + 2)))
            .Append(right).Append('\n');

    private static void Row(StringBuilder table, int[] widths, IReadOnlyList<string> cells)
    {
        var lines = cells.Select(cell => cell.Split('\n')).ToArray();
        for (var i = 0; i < lines.Max(cell => cell.Length); i++)
        {
            table.Append('│').AppendJoin('│', lines.Select((cell, column) =>
                $" {Pad(i < cell.Length ? cell[i].Trim() : "", widths[column], column > 0)} ")).Append("│\n");
        }
    }

    private static string Pad(string text, int width, bool isCentred)
    {
        var room = width - Length(text);
        var left = isCentred ? room / 2 : room;
        return new string(' ', left) + text + new string(' ', room - left);
    }

    private static int Length(string text) => text.EnumerateRunes().Count();
}
