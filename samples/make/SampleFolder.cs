namespace Workflows.Samples;

/// <summary>Where the samples are written: the "samples" folder of the repository that this is run in.</summary>
internal static class SampleFolder
{
    public static string Find()
    {
        foreach (var start in new[] { Environment.CurrentDirectory, AppContext.BaseDirectory })
        {
            for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
            {
                if (File.Exists(Path.Combine(folder.FullName, "Workflows.sln")))
                {
                    return Path.Combine(folder.FullName, "samples");
                }
            }
        }

        throw new DirectoryNotFoundException("Cannot find the repository: no folder above this one has Workflows.sln.");
    }
}
