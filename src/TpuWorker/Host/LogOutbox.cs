using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// Keeps the newest lines of the worker's log until the service has acknowledged them, so that the log of a VM that is
/// gone can be read. Of too many the oldest are dropped; the numbers of the others show the gap.
/// </summary>
/// <param name="clock">Tells the time of each line.</param>
internal sealed class LogOutbox(TimeProvider clock)
{
    /// <summary>Most lines that are kept, about 8 MB.</summary>
    public const int MostLines = 2000;

    /// <summary>Most characters of a line.</summary>
    public const int MostText = 4000;

    /// <summary>Most lines of a message, and about the most of their characters.</summary>
    private const int MostOfMessage = 200, MostCharacters = 200_000;

    private readonly Lock _lock = new();
    private readonly LinkedList<LogLine> _lines = new();
    private readonly string _boot = Guid.NewGuid().ToString("N");
    private long _number;
    private long _sent;

    /// <summary>Adds a line.</summary>
    public void Add(string text)
    {
        lock (_lock)
        {
            _lines.AddLast(new LogLine
            {
                Number = ++_number,
                UnixMilliseconds = clock.GetUtcNow().ToUnixTimeMilliseconds(),
                Text = text.Length > MostText ? text[..(MostText - 3)] + "..." : text,
            });
            if (_lines.Count > MostLines)
            {
                _lines.RemoveFirst();
            }
        }
    }

    /// <summary>Begins again with the oldest line that is not acknowledged, on a new stream.</summary>
    public void Rewind()
    {
        lock (_lock)
        {
            _sent = 0;
        }
    }

    /// <summary>Returns the next lines to send; null for none.</summary>
    public WorkerMessage? Next()
    {
        lock (_lock)
        {
            var message = new LogLines { Boot = _boot };
            var characters = 0;
            foreach (var line in _lines.Where(line => line.Number > _sent))
            {
                characters += line.Text.Length;
                message.Lines.Add(line);
                if (message.Lines.Count == MostOfMessage || characters > MostCharacters)
                {
                    break;
                }
            }

            if (message.Lines.Count == 0)
            {
                return null;
            }

            _sent = message.Lines[^1].Number;
            return new WorkerMessage { LogLines = message };
        }
    }

    /// <summary>Drops the lines that the service has, and goes back to those that it wants again.</summary>
    public void Acknowledged(LogAck ack)
    {
        lock (_lock)
        {
            if (ack.Boot == _boot && ack.Again)
            {
                _sent = Math.Min(_sent, ack.Number);
            }

            while (ack.Boot == _boot && _lines.First is { } first && first.Value.Number <= ack.Number)
            {
                _lines.RemoveFirst();
            }
        }
    }
}
