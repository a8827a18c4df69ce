using System.Collections.Concurrent;
using Workflows.TestKit;

namespace Workflows.DurableTask.Tests.Hosting;

/// <summary>Ports for programs that are to listen on a given one, or again on the one they had.</summary>
internal static class Ports
{
    // Until this process ends, since a program may be started again on its port.
    private static readonly ConcurrentBag<ReservedPort> Given = [];

    /// <summary>One that nobody has, and that no test of this process or another is given.</summary>
    public static int Free()
    {
        var port = ReservedPort.Take();
        Given.Add(port);
        return port.Number;
    }
}
