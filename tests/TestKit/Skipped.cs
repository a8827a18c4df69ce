using System.Diagnostics.CodeAnalysis;
using Xunit;

namespace Workflows.TestKit;

/// <summary>Ends a test as skipped, with the reason both in its result and in its output.</summary>
public static class Skipped
{
    /// <summary>Skips the running test.</summary>
    /// <param name="reason">Which thing is missing, and how to get it.</param>
    [DoesNotReturn]
    public static void Because(string reason)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"Skipped: {reason}");
        Assert.Skip(reason);
    }

    /// <summary>Skips the running test unless a condition holds.</summary>
    /// <param name="condition">True to go on.</param>
    /// <param name="reason">Which thing is missing, and how to get it.</param>
    public static void Unless([DoesNotReturnIf(false)] bool condition, string reason)
    {
        if (!condition)
        {
            Because(reason);
        }
    }
}
