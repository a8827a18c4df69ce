using System.Globalization;
using System.Text;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// The worker's log, whose writer may be a file on a full disk or a pipe that nobody reads: a line that cannot be
/// written is counted and lost, and no job fails for it. The next line that can be written begins with the number of
/// those lost.
/// </summary>
/// <param name="writer">The writer.</param>
internal sealed class WorkerLog(TextWriter writer) : TextWriter(CultureInfo.InvariantCulture)
{
    private readonly Lock _lock = new();
    private long _lost;

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
}
