import { startDemo } from '/work/main/packages/server/test/harness/server.ts'
const d = await startDemo('pages')
const g = async (h,p,i={}) => { const http = await import('node:http'); return new Promise((ok)=>{ const r=http.request(d.origin+p,{headers:{host:h,...i.headers},method:i.method??'GET'},(s)=>{let b='';s.on('data',c=>b+=c).on('end',()=>ok([s.statusCode,s.headers,b]))}); r.end(i.body)})}
console.log(await g('login.wych.app','/realms/partner/.well-known/openid-configuration'))
console.log(await g('auth.wogeez.com','/realms/wogeez/.well-known/openid-configuration'))
const F={'content-type':'application/x-www-form-urlencoded'}
const t=await g('login.wych.app','/realms/partner/protocol/openid-connect/token',{method:'POST',headers:F,body:'client_id=client_123456789&client_secret=supxxxxxxxxret&grant_type=client_credentials'})
console.log(t)
const tok=JSON.parse(t[2]).access_token
console.log(await g('api.wych.app','/accounts',{headers:{'x-api-key':'demo-wych-api-key',authorisation:'bearer '+tok}}))
console.log(await g('api.wych.app','/accounts',{headers:{'x-api-key':'demo-wych-api-key'}}))
console.log(await g('api.wych.app','/accounts',{headers:{authorisation:'bearer '+tok}}))
console.log(await g('auth.wogeez.com','/realms/wogeez/protocol/openid-connect/token',{method:'POST',headers:F,body:'client_id=wogeez-api&username=your-username&password=your-password&grant_type=password'}))
console.log(await g('auth.wave.bemobi.com','/oauth/token',{method:'POST',headers:F,body:'client_id=the-client-id&client_secret=the-secret-id&audience=https://api.wave.bemobi.com&grant_type=client_credentials'}))
await d.close()
