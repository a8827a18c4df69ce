using System.Diagnostics;
using System.Globalization;

namespace Workflows.PyTorch.Bench;

/// <summary>
/// How much of the machine other programs took during a measurement, in cores. Threads that wait for each other suffer
/// from them in different ways, so rounds beside other work compare nothing. Only on Linux; elsewhere 0.
/// </summary>
internal sealed class ForeignLoad
{
    // Of proc(5): a tick is a hundredth of a second; the first three and the sixth to eighth columns are busy time.
    private const double TicksPerSecond = 100;
    private static readonly int[] BusyColumns = [1, 2, 3, 6, 7, 8];

    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly double _busy = Busy();
    private readonly double _own = Own();

    public double Cores => Math.Max(
        0, (Busy() - _busy - (Own() - _own)) / Stopwatch.GetElapsedTime(_started).TotalSeconds);

    private static double Own() => Environment.CpuUsage.TotalTime.TotalSeconds;

    private static double Busy()
    {
        if (!OperatingSystem.IsLinux())
        {
            return Own();
        }

        var columns = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return BusyColumns.Sum(at => double.Parse(columns[at], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }
}
