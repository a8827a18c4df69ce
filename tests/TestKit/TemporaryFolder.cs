using System.Text;

namespace Workflows.TestKit;

/// <summary>A new, empty folder that is deleted with all that is in it on disposal.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private const int MostTries = 20;

    /// <summary>Creates the folder.</summary>
    /// <param name="prefix">The beginning of its name, to tell whose it is if a killed run leaves it behind.</param>
    public TemporaryFolder(string prefix = "workflows-") => Path = Directory.CreateTempSubdirectory(prefix).FullName;

    /// <summary>Gets the folder's full path.</summary>
    public string Path { get; }

    /// <summary>Names a file or folder in it, which need not exist.</summary>
    /// <param name="name">The name, relative to the folder.</param>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a file of UTF-8 text without a byte order mark.</summary>
    /// <param name="name">The name, relative to the folder.</param>
    /// <param name="content">The text.</param>
    /// <returns>The file's full path.</returns>
    public string Write(string name, string content) => Write(name, Encoding.UTF8.GetBytes(content));

    /// <summary>Writes a file.</summary>
    /// <param name="name">The name, relative to the folder.</param>
    /// <param name="content">The bytes.</param>
    /// <returns>The file's full path.</returns>
    public string Write(string name, byte[] content)
    {
        File.WriteAllBytes(this[name], content);
        return this[name];
    }

    /// <summary>Writes a file of lines that each end with a line feed.</summary>
    /// <param name="name">The name, relative to the folder.</param>
    /// <param name="lines">The lines.</param>
    /// <returns>The file's full path.</returns>
    public string WriteLines(string name, IEnumerable<string> lines) =>
        Write(name, string.Concat(lines.Select(line => $"{line}\n")));

    /// <inheritdoc />
    public void Dispose()
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                Directory.Delete(Path, recursive: true);
                return;
            }
            catch (IOException) when (attempt < MostTries && Directory.Exists(Path))
            {
                // An activity that outlives the stop of its service by a moment may write one more file.
            }
        }
    }
}
