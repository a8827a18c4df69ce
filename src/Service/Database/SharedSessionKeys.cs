using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Workflows.Activities.Storage;

namespace Workflows.Service.Database;

/// <summary>The keys that seal sessions of the dashboard, so that a session of one service is one of all.</summary>
internal sealed class SharedSessionKeys(IStateStore state) : IXmlRepository
{
    private const string Name = "access/sessions.xml";

    public IReadOnlyCollection<XElement> GetAllElements() => [.. Of(state.Read(Name)).Elements()];

    public void StoreElement(XElement element, string friendlyName) => state.Change(Name, content =>
    {
        var all = Of(content);
        all.Add(element);
        return Encoding.UTF8.GetBytes(all.ToString());
    });

    private static XElement Of(byte[]? content) =>
        content is null ? new XElement("keys") : XElement.Parse(Encoding.UTF8.GetString(content));
}
