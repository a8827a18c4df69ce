using Workflows.TestKit;

namespace Workflows.Samples;

/// <summary>Where the samples are written: the "samples" folder of the repository that this is run in.</summary>
internal static class SampleFolder
{
    public static string Find() => Path.Combine(
        Checkout.FindAbove(Environment.CurrentDirectory) ?? Checkout.Root, "samples");
}
