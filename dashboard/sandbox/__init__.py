"""The fake Talroo: delivers signed sample applications, answers the Platform API, takes conversions and dispositions.

Everything is made up, from a seed: `people`, `jobs`, `trades` and `questionnaires` are tables of data; `resumes` and
`attachments` make real documents of them; `applications` and `incomplete` put them into Talroo's shapes; `server`,
`delivering` and `platform` speak HTTP.
"""
