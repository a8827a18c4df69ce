using System.Globalization;
using System.Text;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// The worker's log, whose writer may be a file on a full disk or a pipe that nobody reads: a line that cannot be
/// written is counted and lost, and no job fails for it. The next line that can be written begins with the number of
/// those lost. Each line also goes to the <see cref="Outbox"/>, whatever the writer does.
/// </summary>
/// <param name="writer">The writer.</param>
/// <param name="clock">Tells the time of lines in the outbox; null for the system's.</param>
internal sealed class WorkerLog(TextWriter writer, TimeProvider? clock = null)
    : TextWriter(CultureInfo.InvariantCulture)
{
    // A line that never ends is sent in pieces.
    private const int MostPart = 64_000;

    private readonly Lock _lock = new();
    private readonly StringBuilder _part = new();
    private long _lost;

    /// <summary>Gets the lines that the service has not acknowledged.</summary>
    public LogOutbox Outbox { get; } = new(clock ?? TimeProvider.System);

    public override Encoding Encoding => writer.Encoding;

    /// <inheritdoc />
    public override void Write(char value) => Write($"{value}");

    /// <inheritdoc />
    public override void Write(string? value) => Put(value ?? "");

    /// <inheritdoc />
    public override void WriteLine(string? value) => Put(value + writer.NewLine);

    /// <inheritdoc />
    public override Task WriteLineAsync(string? value)
    {
        WriteLine(value);
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public override void Flush() => Put("");

    private void Put(string text)
    {
        lock (_lock)
        {
            Collect(text);
            try
            {
                writer.Write(_lost == 0 ? text : string.Create(
                    CultureInfo.InvariantCulture, $"({_lost} lines could not be written.){writer.NewLine}{text}"));
                writer.Flush();
                _lost = 0;
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                _lost++;
            }
        }
    }

    private void Collect(string text)
    {
        _part.Append(text);
        if (!text.Contains('\n') && _part.Length <= MostPart)
        {
            return;
        }

        var lines = _part.ToString().Split('\n');
        _part.Clear();
        foreach (var line in lines[..^1])
        {
            Outbox.Add(line.TrimEnd('\r'));
        }

        if (lines[^1].Length > MostPart)
        {
            Outbox.Add(lines[^1]);
        }
        else
        {
            _part.Append(lines[^1]);
        }
    }
}
