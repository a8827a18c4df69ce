namespace Workflows.TestKit;

/// <summary>The checkout that a program was built from: the folder of <c>Workflows.sln</c>.</summary>
public static class Checkout
{
    private const string Mark = "Workflows.sln";

    private static readonly Lazy<string> Found = new(() => FindAbove(AppContext.BaseDirectory)
        ?? throw new DirectoryNotFoundException($"{Mark} is in no folder above '{AppContext.BaseDirectory}'."));

    /// <summary>Gets the checkout's root.</summary>
    /// <exception cref="DirectoryNotFoundException">The program does not lie below a checkout.</exception>
    public static string Root => Found.Value;

    /// <summary>Names a file or folder of the checkout.</summary>
    /// <param name="parts">The names below the root, in their order.</param>
    /// <returns>The full path, which need not exist.</returns>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>Finds the checkout that a folder lies in.</summary>
    /// <param name="folder">The folder to start at.</param>
    /// <returns>The checkout's root, or null if neither the folder nor one above it is a checkout.</returns>
    public static string? FindAbove(string folder)
    {
        for (var each = new DirectoryInfo(folder); each is not null; each = each.Parent)
        {
            if (File.Exists(Path.Combine(each.FullName, Mark)))
            {
                return each.FullName;
            }
        }

        return null;
    }
}
